//! The smallest program that has a sandbox: what tests of it start, kill and look at.
//!
//! In: a directory and a job, JSON. Out: a JSON line for each hook that ran. Never: a check; tests do that.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use dibber_model::redact::Redact;
use dibber_model::{Limits, Network, Side};
use dibber_sandbox::{
    DriverInput, HookCommand, HookInvocation, Isolation, NameServers, OutputStream, STORE, SandboxGrants,
};
use serde_json::{Value, json};

fn main() {
    let mut words = std::env::args_os();
    let called = words.next().unwrap_or_default();
    let arguments: Vec<_> = words.collect();
    if let Some(code) = dibber_shim::main(&called.to_string_lossy(), &arguments) {
        std::process::exit(code);
    }
    dibber_sandbox::enter(driver);
    match &arguments[..] {
        [base, job] => std::process::exit(person(Path::new(base), &job.to_string_lossy())),
        [] => {
            for finding in dibber_sandbox::probe() {
                println!("{}: {:?}: {} {}", finding.what, finding.state, finding.why, finding.remedy);
            }
        }
        _ => {
            eprintln!("sandbox-trial BASE JOB, or sandbox-trial alone for what this machine lacks");
            std::process::exit(2);
        }
    }
}

/// BASE/{store,stage}.
fn grants(base: &Path) -> SandboxGrants {
    let [store, stage] = ["store", "stage"].map(|name| base.join(name));
    for dir in [&store, &stage] {
        fs::create_dir_all(dir).expect("make a directory to grant");
    }
    SandboxGrants {
        store,
        stage,
        given: Vec::new(),
        emulator: None,
        commands: Vec::new(),
        isolation: Isolation::Namespaces,
    }
}

/// Starts a worker on these and prints its events.
fn person(base: &Path, job: &str) -> i32 {
    match dibber_sandbox::start_worker(job.as_bytes().to_vec(), &grants(base)) {
        Ok(mut worker) => {
            for line in BufReader::new(&worker.events).lines() {
                println!("{}", line.expect("events are UTF-8"));
            }
            worker.wait().expect("wait").code().unwrap_or(-1)
        }
        Err(error) => {
            eprintln!("error: {error}");
            1
        }
    }
}

/// A job is `{"setup": shell text, "hooks": [{"side", "script", "network", "environment": [text], "worker": shell text}]}`: the setup
/// runs as the driver itself in a new `TMP_BUILD_DIR`, then each hook in turn.
fn driver(mut inside: DriverInput) -> i32 {
    let job: Value = serde_json::from_slice(&inside.job).expect("the job is JSON");
    let build = Path::new(STORE).join("work");
    if build.exists() {
        fs::remove_dir_all(&build).expect("remove the last build");
    }
    for dir in ["mnt", "hooks/environment.d"] {
        fs::create_dir_all(build.join(dir)).expect("make the build directory");
    }
    if let Some(setup) = job["setup"].as_str() {
        let status = std::process::Command::new("/bin/sh").args(["-euc", setup]).current_dir(&build).status();
        assert!(status.expect("run the setup").success(), "the setup failed");
    }
    let mut mounts = Vec::new();
    for hook in job["hooks"].as_array().expect("hooks is a list") {
        let script = build.join("hooks/hook");
        fs::write(&script, hook["script"].as_str().expect("a script")).expect("write the hook");
        fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("make the hook executable");
        let event = one(&build, hook, &mut mounts);
        writeln!(inside.events, "{event}").expect("tell of the hook");
    }
    0
}

fn one(build: &Path, hook: &Value, mounts: &mut Vec<dibber_sandbox::MountRequest>) -> Value {
    let mut files = Vec::new();
    for (number, text) in hook["environment"].as_array().into_iter().flatten().enumerate() {
        let name = format!("environment.d/{number}-test");
        fs::write(build.join("hooks").join(&name), text.as_str().expect("text"))
            .expect("write environment.d");
        files.push(name);
    }
    let variables = BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]);
    let call = HookInvocation {
        side: if hook["side"] == "chroot" { Side::Chroot } else { Side::Host },
        build_dir: build,
        command: HookCommand::Script("hook"),
        variables: &variables,
        environment_files: &files,
        mounts,
        staged: &BTreeMap::new(),
        native: None,
        given: &[],
        network: if hook["network"] == "none" { Network::None } else { Network::Host },
        name_servers: if hook["name_servers"] == "as-copied" {
            NameServers::AsCopied
        } else {
            NameServers::Lent
        },
        redact: &Redact::default(),
        limits: Limits::default(),
    };
    let mut out = String::new();
    let mut line = |stream: OutputStream, bytes: &[u8]| {
        out.push_str(if stream == OutputStream::Err { "! " } else { "" });
        out.push_str(&String::from_utf8_lossy(bytes));
        out.push('\n');
    };
    if hook["want"] == "environment" {
        let all = dibber_sandbox::read_environment(&call, &mut line);
        return match all {
            Ok(Ok(all)) => json!({ "environment": all, "out": out }),
            Ok(Err(end)) => json!({ "code": end.code, "environment_file": end.environment_file, "out": out }),
            Err(error) => json!({ "error": error.to_string() }),
        };
    }
    match dibber_sandbox::run_hook(&call, &mut line) {
        Ok(end) => {
            let event = json!({
                "code": end.code,
                "out": out,
                "environment_file": end.environment_file,
                "mounts": end.mounts,
                "requests": end.requests,
            });
            *mounts = end.mounts;
            event
        }
        Err(error) => json!({ "error": error.to_string() }),
    }
}
