//! Names of variables and keys that hold secrets.
//!
//! In: a name. Out: whether what has it is a secret. Never: a look at the value.

/// Parts of names of variables that hold secrets.
const SECRET: [&str; 19] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "API_KEY",
    "APIKEY",
    "ACTIVATION_KEY",
    "ENCRYPTION_KEY",
    "SIGNING_KEY",
    "LUKS_KEY",
    "KEYPASS",
    "AUTHORIZATION",
    "BEARER",
    "COOKIE",
    "JWT",
];
/// Ends of such names.
const SECRET_END: [&str; 8] = ["_PASS", "_PWD", "_PW", "ROOTPWD", "_PSK", "_PAT", "_PIN", "_AUTH"];
/// Whether a variable of this name holds a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    SECRET.iter().any(|word| name.contains(word)) || SECRET_END.iter().any(|end| name.ends_with(end))
}
