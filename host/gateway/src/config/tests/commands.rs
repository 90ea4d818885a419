//! Commands: what can be said of them, and what is refused.

use std::path::Path;
use std::time::Duration;

use super::resolve;
use crate::config::problem::Place;
use crate::config::{self, Config, Environment, preset};
use crate::upstream::command::Command;

const COMMAND: &str = "[providers.house]\nplugin = \"chat\"\n[providers.house.commands.chat]\n";

fn command(config: &Config) -> &Command {
    &config.providers[0].commands[0]
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let problems = resolve(&format!("{COMMAND}{text}")).unwrap_err().to_string();
    assert!(problems.contains(expected), "{text}\n{problems}");
}

#[test]
fn the_least_that_can_be_said_of_a_command() {
    let config = resolve(&format!("{COMMAND}program = \"tool\"")).unwrap();
    let command = command(&config);
    assert_eq!((command.name.as_str(), command.program.as_path()), ("chat", Path::new("tool")));
    assert!(command.environment.is_empty() && command.secrets.is_empty());
    assert_eq!((command.directory.as_deref(), command.max_output), (None, 16 << 20));
    let house = &config.providers[0];
    assert_eq!(command.timeout, house.timeouts.whole);
    assert_eq!((house.base_url.as_ref(), house.concurrency, house.local), (None, Some(4), false));
    assert!(config.describe().contains("runs tool"), "{}", config.describe());
}

#[test]
fn every_key_of_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("key", "sesame\n");
    file(
        "portcullis.toml",
        r#"
[providers.house]
plugin = "chat"
base_url = "http://127.0.0.1:9"
concurrency = 9
commands.chat = { program = "/bin/tool", args = ["-p", "", "{{}}", "--m={m}", ["-e", "{e}"]], env = { PLAIN = "a b", SITE = { env = "SITE" }, ABSENT = { env = "NOT_SET" } }, secrets = { KEY = { file = "key" }, TOKEN = { env = "HOUSE_KEY" }, OTHER = { env = "NOT_SET" } }, directory = ".", timeout = "3s", max_output = "1KiB" }
"#,
    );
    let variables =
        [("SITE", "here"), ("HOUSE_KEY", "open"), ("PATH", "/usr/bin:bin:/bin:"), ("HOME", "/")];
    let environment = Environment::from_iter(variables);
    let config = config::load(&folder.path().join("portcullis.toml"), &environment).unwrap();
    let command = command(&config);
    // A relative folder of the PATH is another one wherever the gateway is started.
    assert_eq!(command.folders, [Path::new("/usr/bin"), Path::new("/bin")]);
    let owned = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(command.environment, owned(&[("PLAIN", "a b"), ("SITE", "here")]));
    let secrets = command.secrets.iter().map(|(name, it)| (name.as_str(), it.expose()));
    assert_eq!(secrets.collect::<Vec<_>>(), [("KEY", "sesame"), ("TOKEN", "open")]);
    assert!(command.directory.as_ref().is_some_and(|path| path.is_absolute()));
    assert_eq!((command.timeout, command.max_output), (Duration::from_secs(3), 1024));
    let filled = command.arguments.filled("chat", &owned(&[("m", "x")])).unwrap();
    assert_eq!(filled, ["-p", "", "{}", "--m=x"]);
    let filled = command.arguments.filled("chat", &owned(&[("m", "x"), ("e", "y")])).unwrap();
    assert_eq!(filled[4..], ["-e", "y"]);
    assert_eq!(config.providers[0].concurrency, Some(9));
    for secret in ["sesame", "open"] {
        assert!(!format!("{config:?}").contains(&format!("\"{secret}\"")), "{secret} is shown");
    }
}

#[test]
fn what_is_said_goes_before_the_preset() {
    let runs = |name: &&str| {
        let (preset, _) = preset::find(name, &Place::outside(name)).unwrap().unwrap();
        !preset.provider.commands.is_empty()
    };
    let name = preset::names().into_iter().find(runs).unwrap();
    let resolved = |more: &str| {
        let config = resolve(&format!("[providers.x]\npreset = \"{name}\"\n{more}")).unwrap();
        config.providers[0].commands.clone()
    };
    let preset = resolved("");
    let first = &preset[0];
    let said = resolved(&format!(
        "commands.{} = {{ program = \"/opt/tool\", env = {{ EXTRA = \"1\" }} }}",
        first.name
    ));
    let [own, rest @ ..] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((&own.name, own.program.as_path()), (&first.name, Path::new("/opt/tool")));
    assert_eq!((&own.arguments, own.timeout), (&first.arguments, first.timeout));
    let extra = ("EXTRA".to_owned(), "1".to_owned());
    assert_eq!(own.environment[0], extra);
    assert_eq!(own.environment[1..], first.environment);
    for (other, known) in rest.iter().zip(&preset[1..]) {
        assert_eq!((&other.name, &other.program), (&known.name, &known.program));
    }
    assert_eq!(said.len(), preset.len());
}

#[test]
fn what_is_wrong_with_a_command() {
    for (text, expected) in [
        ("args = []", "[providers.house.commands.chat] has no `program`; expected a path"),
        ("program = \"bin/tool\"", "is a path that depends on where the gateway is started"),
        ("program = \"x\"\nargs = \"-p\"", "`args` is a string; expected a list of arguments"),
        ("program = \"x\"\nargs = [1]", "`args`[0] is a number; expected a string, or a list"),
        ("program = \"x\"\nargs = [\"{m\"]", "`args`[0] has a brace that is no hole"),
        ("program = \"x\"\nargs = [[\"-v\"]]", "`args`[0] is a list without a hole"),
        ("program = \"x\"\nenv = { \"A=B\" = \"c\" }", "is not a variable's name"),
        ("program = \"x\"\nenv = { A = \"a\\u0000b\" }", "holds the character U+0000"),
        ("program = \"x\"\nenv = { A = 1 }", "expected a string or { env = \"NAME\" }"),
        ("program = \"x\"\nsecrets = { A = \"sk\" }", "is a string; expected { env = \"NAME\" }"),
        ("program = \"x\"\nsecrets = { A = {} }", "names no secret; expected `env` or `file`"),
        ("program = \"x\"\nsecrets = { A = { file = \"no\" } }", "the secret's file no cannot"),
        ("program = \"x\"\ndirectory = \"/no/such\"", "`directory`: there is no folder /no/such"),
        ("program = \"x\"\ntimeout = \"0s\"", "`timeout` = \"0s\" is no time at all"),
        ("program = \"x\"\nshell = true", "unknown key `shell`"),
    ] {
        refused(text, expected);
    }
    let text = "[providers.house]\nplugin = \"chat\"\ncommands = 1";
    let problems = resolve(text).unwrap_err().to_string();
    assert!(!problems.contains("base_url"), "one problem is told as two: {problems}");
}
