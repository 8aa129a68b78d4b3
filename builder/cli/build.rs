//! Elements, layouts and images are part of the program: it is compiled again when they change.

fn main() {
    for dir in ["elements", "layouts", "images"] {
        println!("cargo:rerun-if-changed=../../{dir}");
    }
}
