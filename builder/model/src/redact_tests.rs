use super::*;

/// Variables, from `NAME=VALUE NAME=VALUE`.
fn env(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[test]
fn passwords_go_and_all_else_stays() {
    let redact = Redact::from_url(Some("http://me:hunter2@proxy.example:3128/"));
    let public = |text: &str| redact.public(text.to_string());
    assert_eq!(public("via http://me:hunter2@proxy.example:3128/"), "via http://***@proxy.example:3128/");
    assert_eq!(public("password hunter2"), "password ***");
    assert_eq!(public("me"), "me");
    for plain in
        [None, Some("http://proxy.example:3128"), Some("proxy:3128/a@b"), Some("http://[::1]:80/a@b")]
    {
        assert_eq!(Redact::from_url(plain).public("a@b".into()), "a@b");
    }
}

#[test]
fn passwords_as_they_are_written_and_meant() {
    for (url, words) in [
        ("http://u:p%40ss%3Aword@h", ["p%40ss%3Aword", "p@ss:word"]),
        ("u:p@ss:word@h:3128", ["p@ss:word", "u:p@ss:word"]),
        ("http://u:pa/ss@h/x", ["pa/ss", "u:pa/ss"]),
    ] {
        let redact = Redact::from_url(Some(url));
        for word in words {
            let said = redact.public(format!("401 for {word}!"));
            assert_eq!(said, "401 for ***!", "{url}");
        }
    }
    assert_eq!(decoded("50%25%zz%4"), "50%%zz%4");
}

#[test]
fn urls_of_any_text() {
    for (text, public) in [
        ("from http://u:p@h/x and https://tok@h", "from http://***@h/x and https://***@h"),
        ("Ünder https://a:b@h: 'ftp://c@d'", "Ünder https://***@h: 'ftp://***@d'"),
        (
            "git clone ssh://git@host/x http://h/a@b mail@host",
            "git clone ssh://git@host/x http://h/a@b mail@host",
        ),
        ("ssh://git:pw@host/x", "ssh://***@host/x"),
        ("://", "://"),
    ] {
        assert_eq!(mask_urls(text), public);
    }
    assert_eq!(without_login("http://u:p@host:3142/debian"), "http://host:3142/debian");
    assert_eq!(without_login("http://host/a@b"), "http://host/a@b");
}

#[test]
fn variables_by_name_and_by_value() {
    let all = env("DIB_DEV_USER_PASSWORD=a$cret X=http://u:letmein@h/ DIB_T_TOKEN=abc DIB_PWDLESS=yes");
    let redact = Redact::from_variables(&all);
    let tell = |name: &str, value: &str| redact.variable(name, value, &all);
    assert_eq!(tell("DIB_DEV_USER_PASSWORD", "a$cret"), "***");
    assert_eq!(tell("DIB_OTHER", "-p a$cret letmein"), "-p *** ***");
    let env = "declare -x DIB_DEV_USER_PASSWORD=\"a\\$cret\"\ndeclare -x DIB_T_TOKEN=\"abc\"";
    assert_eq!(
        tell("DIB_ENV", env),
        "declare -x DIB_DEV_USER_PASSWORD=\"***\"\ndeclare -x DIB_T_TOKEN=\"***\""
    );
    assert_eq!(tell("DIB_PWDLESS", "yes"), "yes");
}

#[test]
fn secrets_in_lines_of_source() {
    for (line, secrets) in [
        ("    proxy: http://u:p@h:3128", &["u:p"][..]),
        ("    proxy: u:p@h:3128", &["u:p"]),
        ("  environment: {DIB_X_PASSWORD: a b, Y_TOKEN: 'c,d', Z: e}", &["a b", "c,d"]),
        ("  DIB_X_PASSWORD: a, b", &["a, b"]),
        ("{\"A_SECRET\": \"x\", \"mirror\": \"http://h/a@b\"}", &["x"]),
        ("export A_PASSWORD=x", &["x"]),
        ("PASSWORD", &[]),
    ] {
        let found: Vec<&str> = secret_spans(line).into_iter().map(|span| &line[span]).collect();
        assert_eq!(found, secrets, "{line}");
    }
}

#[test]
fn lines_that_go_on_with_a_secret_are_hidden() {
    let hidden =
        |text: &str| secret_lines(text).map(|hidden| if hidden { '#' } else { '.' }).collect::<String>();
    let cases = [
        ("A_PASSWORD:\n  x\nfoo: 1", ".#."),
        ("e:\n  A_PASSWORD: >-\n    x\n\n    y\n  foo: 1", "..###."),
        ("e:\n  ? A_PASSWORD\n  : x\n  foo: 1", "..#."),
        ("A_PASSWORD: \"x\ny\nz\"\nfoo: 1", ".##."),
        ("A_PASSWORD: 'it''s'\nfoo: 1", ".."),
        ("- A_PASSWORD: x\n- foo: 1", ".."),
        ("foo: 1\n  bar: 2", ".."),
    ];
    for (text, expected) in cases {
        assert_eq!(hidden(text), expected, "{text}");
    }
}

#[test]
fn quoted_secrets_end_where_yaml_ends_them() {
    let span =
        |line: &str| secret_spans(line).into_iter().map(|span| line[span].to_string()).collect::<Vec<_>>();
    assert_eq!(span(r#"A_SECRET: "a\"rest", b: 1"#), [r#"a\"rest"#]);
    assert_eq!(span("A_SECRET: 'it''rest'"), ["it''rest"]);
    assert_eq!(span("{A_SECRET: a{b}rest, c: d}"), ["a{b}rest, c: d}"]);
    assert_eq!(span("security: \"u:PW@host\""), ["u:PW"]);
    assert_eq!(span("mirror: http:/u:PW@host"), ["u:PW"]);
    assert_eq!(span("mirror: //u:PW@host/x"), ["u:PW"]);
}

#[test]
fn a_long_line_is_cut_within_no_secret() {
    let mut redact = Redact::default();
    redact.add(["hunter22".to_string()]);
    for ahead in 80..120 {
        let text = format!("{}hunter22{}", "x".repeat(ahead), "y".repeat(100 - ahead.min(100)));
        let (head, tail) = text.split_at(redact.cut(text.as_bytes()));
        assert!(!head.is_empty());
        let told = redact.public(head.to_string()) + &redact.public(tail.to_string());
        assert!(!told.contains("hunt") && !told.contains("ter22"), "{told}");
    }
}

#[test]
fn secrets_as_shells_and_urls_write_them() {
    let redact = Redact::from_variables(&BTreeMap::from([
        ("GITHUB_PAT".to_string(), "Zq7 it's \"a\" space\nand more".to_string()),
        (
            "FROM".to_string(),
            "https://store.example/disk.raw?v=1&access_token=abcd1234&sig=f%2Fe9#top".to_string(),
        ),
    ]));
    for shown in [
        "'Zq7 it'\\''s \"a\" space\nand more'",
        r#"$'Zq7 it\'s "a" space\nand more'"#,
        r#""Zq7 it's \"a\" space\nand more""#,
        "Zq7%20it%27s%20%22a%22%20space%0Aand%20more",
        "token abcd1234",
        "https://store.example/disk.raw?access_token=abcd1234",
        "f%2Fe9",
    ] {
        let public = redact.public(shown.into());
        let left = ["Zq7", "and more", "abcd1234", "f%2Fe9"].into_iter().find(|word| public.contains(word));
        assert_eq!(left, None, "{public}");
    }
    assert_eq!(redact.public("disk.raw?v=1".into()), "disk.raw?v=1");
    let short = Redact::from_variables(&env("DIB_PASSWORD=root OTHER_PASSWORD=a-long-one"));
    assert_eq!(short.distinctive().public("root-a-long-one".into()), "root-***");
}

#[test]
fn queries_of_urls_that_let_in() {
    let public = |text: &str| mask_urls(text).into_owned();
    assert_eq!(
        public("GET https://h/a?x=1&access_token=abc&y=2 failed"),
        "GET https://h/a?x=1&access_token=***&y=2 failed"
    );
    assert_eq!(public("https://me:pw@h/a?sig=f%2F9#top"), "https://***@h/a?sig=***#top");
    // A user that has a question mark in it goes whole.
    assert_eq!(public("https://me:p?token=w@h/a"), "https://***@h/a");
    for plain in ["https://h/a?x=1&design=2", "is this it? token=no", "a && b; token=", "?token"] {
        assert_eq!(public(plain), plain);
    }
}
