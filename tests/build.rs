//! Lists the hostile guests, so that one without a test does not compile.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let guests = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("guests");
    let mut names = Vec::new();
    for (folder, extension) in [("examples", "rs"), ("wat", "wat")] {
        let folder = guests.join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|found| found == extension)
                && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            {
                names.push(name.to_owned());
            }
        }
    }
    names.sort();
    let mut list = String::from(
        "/// Calls a macro once for each guest, with its name.\n\
         macro_rules! foreach_guest {\n    ($check:ident) => {\n",
    );
    for name in names {
        writeln!(list, "        $check!({name});")?;
    }
    list.push_str("    };\n}\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("guests.rs"), list)?;
    Ok(())
}
