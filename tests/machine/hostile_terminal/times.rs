//! Times that stand in for now: those that a format could not hold are refused.

use dibber_tests::accepts;
use dibber_tests::workshop::{Workshop, run};

#[test]
fn times_that_no_format_holds_are_refused() {
    let shop = Workshop::new();
    let image = shop.image("good", &[]);
    for seconds in [
        "-1",
        "-9223372036854775808",
        "4294967296",
        "9223372036854775807",
        "99999999999999999999",
        "1e3",
        "x",
    ] {
        let words = &["from 0 to 4294967295", seconds];
        let mut plain = shop.arguments(&image);
        plain.retain(|word| word != "--source-date-epoch" && word != "1700000000");
        run(shop.dibber().args(&plain).args(["--source-date-epoch", seconds])).refuses(2, words);
        run(shop.dibber().args(&plain).env("SOURCE_DATE_EPOCH", seconds)).refuses(2, words);
        run(shop.dibber().args(&plain).args(["--env", &format!("SOURCE_DATE_EPOCH={seconds}")]))
            .refuses(3, words);
    }
    for seconds in ["0", "4294967295"] {
        let keys = [("outputs", "[raw, tar, tgz, vhd]"), ("size", "24MiB")];
        let image = shop.image("good", &keys);
        let mut plain = shop.arguments(&image);
        plain.retain(|word| word != "1700000000");
        let at = plain.iter().position(|word| word == "--source-date-epoch").expect("it is there");
        plain.insert(at + 1, seconds.into());
        run(shop.dibber().args(&plain)).well();
        accepts("e2fsck", &["-fn", &shop.text("work/out/good.raw")]);
        accepts("tar", &["-tvf", &shop.text("work/out/good.tar")]);
    }
}
