//! Programs as upstreams: what they get, what becomes of what they print, and that nothing is
//! left of them.
//!
//! The program is a script that prints what the pages of Claude Code's documentation say it
//! prints: <https://code.claude.com/docs/en/headless>, the messages of
//! <https://code.claude.com/docs/en/agent-sdk/typescript>, the errors of
//! <https://code.claude.com/docs/en/errors>. It is called as the preset calls Claude Code.

use crate::caller::{Http, JSON, PATIENCE, Reply, error_of};
use crate::house::{House, chat, provider, route, text_of, until};
use anyhow::{Context, Result, anyhow, bail, ensure};
use http::Method;
use http_body_util::BodyExt;
use portcullis::config::Environment;
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

const TOKEN: &str = "sk-ant-oat01-of-the-operator";
const PRESET: &str = "[providers.house]\npreset = \"claude-code\"\n";
/// Both forms in which the preset asks.
const STREAMED: [bool; 2] = [false, true];

/// The script, in a folder of its own. It is written before anything else runs here: a file that
/// is being written cannot be run, not even while another process is about to be started.
static SCRIPT: LazyLock<io::Result<(TempDir, PathBuf)>> = LazyLock::new(|| {
    let folder = TempDir::new()?;
    let path = folder.path().join("script");
    fs::write(&path, include_str!("commands/claude.sh"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
    Ok((folder, path))
});

/// A house with the program in its `PATH`, and a home for it to write down what it got.
struct Scene {
    house: House,
    home: TempDir,
    programs: PathBuf,
}

impl Scene {
    /// With the preset, and these lines below it. HOME stands for the home.
    async fn open(lines: &str) -> Result<Self> {
        let scene = Self::without_program(&format!("{PRESET}{lines}")).await?;
        scene.install()?;
        Ok(scene)
    }

    /// With this configuration, and a second provider that answers.
    async fn without_program(text: &str) -> Result<Self> {
        let home = TempDir::new()?;
        let programs = home.path().join("bin");
        fs::create_dir(&programs)?;
        let place = home.path().display().to_string();
        let environment = Environment::from_iter([
            ("PATH", format!("{}:/usr/bin:/bin", programs.display())),
            ("HOME", place.clone()),
            ("CLAUDE_CODE_OAUTH_TOKEN", TOKEN.to_owned()),
            ("ANTHROPIC_API_KEY", "sk-ant-api03-not-for-this".to_owned()),
        ]);
        let text = format!("{}\n{}", text.replace("HOME", &place), provider("spare", ""));
        let house = House::open_with(&text, &environment).await?;
        Ok(Self { house, home, programs })
    }

    fn install(&self) -> Result<()> {
        let (_, script) = SCRIPT.as_ref().map_err(|error| anyhow!("the script: {error}"))?;
        Ok(symlink(script, self.programs.join("claude"))?)
    }

    /// What the program wrote down in its home.
    fn noted(&self, file: &str) -> Result<String> {
        let path = self.home.path().join(file);
        fs::read_to_string(&path).with_context(|| format!("{}", path.display()))
    }

    /// Posts a chat of these messages, with further fields.
    async fn ask(&self, model: &str, messages: Value, further: Value) -> Result<Reply> {
        let mut body = json!({ "model": model, "messages": messages });
        for (name, value) in further.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.house.caller(Http::One).await?.chat(&body).await
    }

    /// A pipe that the program holds open as long as anything of it lives: its path.
    fn pipe(&self) -> Result<String> {
        let path = self.home.path().join("held");
        ensure!(Command::new("mkfifo").arg(&path).status()?.success(), "no pipe");
        Ok(path.display().to_string())
    }

    /// Waits until the program holds the pipe; returns it, and the program's id.
    async fn held(&self, path: &str) -> Result<(pipe::Receiver, String)> {
        let mut pipe = pipe::OpenOptions::new().open_receiver(path)?;
        let mut said = String::new();
        // Before somebody has opened it to write, it is at its end.
        let reading = async {
            while !said.ends_with('\n') {
                let mut bytes = [0; 64];
                let count = pipe.read(&mut bytes).await?;
                said.push_str(std::str::from_utf8(&bytes[..count])?);
                tokio::task::yield_now().await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, reading).await.context("nothing holds the pipe")??;
        Ok((pipe, said.trim().to_owned()))
    }
}

/// Waits until nobody holds the pipe, and no trace of the process is left, a zombie included.
async fn gone((mut pipe, process): (pipe::Receiver, String)) -> Result<()> {
    let mut rest = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, pipe.read_to_end(&mut rest)).await;
    reading.context("something of the program still lives")??;
    let trace = Path::new("/proc").join(&process);
    until(|| !trace.exists()).await.with_context(|| format!("{process} is a zombie"))
}

fn user(text: &str) -> Value {
    json!([{ "role": "user", "content": text }])
}

fn said(answer: &Reply, streaming: bool) -> Result<String> {
    ensure!(answer.status == 200, "{answer:?}");
    match streaming {
        true => text_of(&answer.events()?),
        false => {
            let whole = answer.json()?;
            Ok(whole["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned())
        }
    }
}

#[test]
fn an_answer_comes_whole_and_in_pieces() -> Result<()> {
    on_two_workers(async {
        for streaming in STREAMED {
            let scene = Scene::open("").await?;
            let further =
                json!({ "stream": streaming, "temperature": 0.5, "reasoning_effort": "high" });
            let answer = scene.ask("house/sonnet", user("Hi"), further).await?;
            ensure!(said(&answer, streaming)? == "Hello, wörld 🦀!", "{answer:?}");
            ensure!(answer.header("x-portcullis-dropped") == "temperature", "{answer:?}");
            let record = scene.house.record("house/sonnet").await?;
            ensure!(record.cost_usd == Some(0.0123), "{record:?}");
            ensure!((record.input_tokens, record.output_tokens) == (Some(2112), Some(5)));
            if streaming {
                let first: Value = serde_json::from_str(&answer.events()?[0])?;
                ensure!(first["id"] == "session-1" && first["model"] == "claude-sonnet-5-5");
                ensure!(answer.text()?.contains("Let me think."), "{answer:?}");
            }
            ensure!(scene.noted("stdin")? == "Hi");
            let arguments = scene.noted("arguments")?;
            let arguments: Vec<&str> = arguments.split_terminator('\0').collect();
            let format = if streaming { "stream-json" } else { "json" };
            ensure!(arguments[..2] == ["--print", &format!("--output-format={format}")]);
            let tools = arguments.iter().position(|argument| *argument == "--tools");
            ensure!(tools.is_some_and(|at| arguments[at + 1].is_empty()), "{arguments:?}");
            for argument in ["--model=sonnet", "--effort=high", "--disable-slash-commands"] {
                ensure!(arguments.contains(&argument), "{argument} is not in {arguments:?}");
            }
            ensure!(!arguments.iter().any(|argument| argument.starts_with("--json-schema")));
            // Its folder was its own, and empty, and is no more.
            let folder = scene.noted("folder")?;
            let (folder, content) = folder.split_once('\n').context("no folder")?;
            ensure!(content.is_empty(), "there is something in {folder}: {content}");
            until(|| !Path::new(folder).exists()).await.context("the folder stayed")?;
            scene.house.settled().await?;
        }
        Ok(())
    })
}

#[test]
fn several_answers_are_as_many_runs() -> Result<()> {
    on_two_workers(async {
        let scene = Scene::open("").await?;
        let answer = scene.ask("house/sonnet", user("Hi"), json!({ "n": 2 })).await?;
        let whole = answer.json()?;
        let texts: Vec<_> = (0..2).map(|at| &whole["choices"][at]["message"]["content"]).collect();
        ensure!(texts == ["Hello, wörld 🦀!"; 2], "{whole}");
        ensure!(scene.house.record("house/sonnet").await?.output_tokens == Some(10));
        scene.house.settled().await
    })
}

#[test]
fn the_environment_is_what_the_operator_lists() -> Result<()> {
    on_two_workers(async {
        let scene = Scene::open("").await?;
        said(&scene.ask("house/sonnet", user("Hi"), json!({})).await?, false)?;
        let environment = scene.noted("environment")?;
        let mut names: Vec<&str> = environment.split_terminator('\0').collect();
        names.iter_mut().for_each(|variable| *variable = variable.split('=').next().unwrap_or(""));
        names.sort_unstable();
        let expected = [
            "CLAUDE_CODE_DISABLE_ATTACHMENTS",
            "CLAUDE_CODE_DISABLE_CLAUDE_MDS",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
            "CLAUDE_CODE_MAX_RETRIES",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "HOME",
            "PATH",
        ];
        ensure!(names == expected, "{names:?}");
        ensure!(environment.contains(&format!("CLAUDE_CODE_OAUTH_TOKEN={TOKEN}\0")));
        // Without a list there is nothing.
        let bare = "[providers.house]\nplugin = \"claude-code\"\nopen_models = true\n\
                    [providers.house.commands.chat]\nprogram = \"/bin/sh\"\n\
                    args = [\"-c\", \"cat /proc/$$/environ > HOME/environment\", \"{model}\"]\n";
        let scene = Scene::without_program(bare).await?;
        scene.ask("house/sonnet", user("Hi"), json!({})).await?;
        ensure!(scene.noted("environment")?.is_empty(), "{}", scene.noted("environment")?);
        Ok(())
    })
}

#[test]
fn nothing_that_a_sender_writes_becomes_more_than_a_parameter() -> Result<()> {
    let hostile = [
        "$(touch HOME/pwned)",
        "`touch HOME/pwned`",
        "'; touch HOME/pwned; '",
        "\" --dangerously-skip-permissions",
        "--dangerously-skip-permissions",
        "a\n--tools\nBash",
        "{model}",
        "ä\u{1}\u{7f}\\",
    ];
    on_two_workers(async {
        let scene = Scene::open("").await?;
        let place = scene.home.path().display().to_string();
        for text in hostile {
            let text = text.replace("HOME", &place);
            let messages = json!([
                { "role": "system", "content": text }, { "role": "user", "content": text }
            ]);
            let answer = scene.ask("house/sonnet", messages, json!({})).await?;
            said(&answer, false).with_context(|| text.clone())?;
            ensure!(scene.noted("stdin")? == text, "{}", scene.noted("stdin")?);
            let arguments = scene.noted("arguments")?;
            let arguments: Vec<&str> = arguments.split_terminator('\0').collect();
            ensure!(arguments.last() == Some(&&*format!("--system-prompt={text}")), "{text}");
            ensure!(arguments.len() == 11, "{arguments:?}");
            // A model's name is the sender's as well.
            let model = format!("house/{text}");
            scene.ask(&model, user("Hi"), json!({})).await?;
            let arguments = scene.noted("arguments")?;
            let arguments: Vec<&str> = arguments.split_terminator('\0').collect();
            ensure!(arguments[2] == format!("--model={text}") && arguments.len() == 11, "{text}");
        }
        ensure!(!scene.home.path().join("pwned").exists(), "a shell has read it");
        let nul =
            json!([{ "role": "system", "content": "a\0b" }, { "role": "user", "content": "" }]);
        let refused = scene.ask("house/sonnet", nul, json!({})).await?;
        refused.refused(400, "invalid_request")?;
        Ok(())
    })
}

#[test]
fn what_the_operator_did_not_write_is_denied() -> Result<()> {
    // The command's arguments, and why the plugin's call does not fit.
    let cases = [
        ("chat", "[]", "`model` of the command `chat` has no hole to go into"),
        (
            "chat",
            "[\"{model}\", \"{other}\", \"{system}\"]",
            "`other` of the command `chat` is missing",
        ),
        ("chat", "[\"{model}\", \"{system}\"]", "`system` of the command `chat` begins with `-`"),
        ("other", "[]", "no command `chat` is written out"),
    ];
    on_two_workers(async {
        for (name, arguments, why) in cases {
            let house = format!(
                "[providers.house]\nplugin = \"claude-code\"\nopen_models = true\n\
                 [providers.house.commands.{name}]\nprogram = \"/bin/sh\"\nargs = {arguments}\n{}",
                route(&["house/sonnet", "spare/echo"], "")
            );
            let scene = Scene::without_program(&house).await?;
            let messages = json!([{ "role": "system", "content": "-c id" }, { "role": "user", "content": "x" }]);
            let answer = scene.ask("auto", messages, json!({})).await?;
            ensure!(answer.header("x-portcullis-candidate") == "spare/echo", "{why}: {answer:?}");
            let record = scene.house.record("auto").await?;
            let tried = &record.tried[0];
            ensure!(tried.failure.as_deref() == Some("plugin-denied"), "{tried:?}");
            ensure!(tried.message.as_ref().is_some_and(|said| said.contains(why)), "{tried:?}");
        }
        // The other key is the plugin's: one that does not ask for commands gets none.
        let opened = Scene::without_program(
            "[providers.house]\nplugin = \"openai\"\n[providers.house.commands.chat]\nprogram = \"sh\"",
        );
        let Err(refused) = opened.await else { bail!("it was opened") };
        ensure!(format!("{refused:#}").contains("its plugin runs no commands"), "{refused:#}");
        Ok(())
    })
}

#[test]
fn the_next_candidate_answers_for_a_program_that_fails() -> Result<()> {
    // The model, the word of its failure, how often it is asked.
    let cases = [
        ("login", "authentication", 1),
        ("limit", "rate-limited", 1),
        ("overloaded", "overloaded", 2),
        ("turns", "other", 1),
        ("context", "context-too-long", 1),
        ("broken", "other", 1),
        ("killed", "other", 1),
        ("silent", "malformed", 1),
        ("garbage", "malformed", 1),
        ("flood", "malformed", 1),
        ("complain", "malformed", 1),
    ];
    on_two_workers(async {
        let limits = "[providers.house.commands]\nchat = { max_output = \"128KiB\" }\n\
                      stream = { max_output = \"128KiB\" }\n";
        for (model, word, times) in cases {
            let route = route(&[&format!("house/{model}"), "spare/echo"], "");
            for streaming in STREAMED {
                // Anew, since a limit that was reached opens the circuit until it ends.
                let scene = Scene::open(&format!("{limits}{route}")).await?;
                let answer = scene.house.chat("auto", streaming).await?;
                let context = || format!("{model}, streaming: {streaming}");
                ensure!(answer.header("x-portcullis-candidate") == "spare/echo", "{answer:?}");
                said(&answer, streaming).with_context(context)?;
                let record = scene.house.record("auto").await?;
                ensure!(record.tried.len() == times + 1, "{}: {record:?}", context());
                let tried = &record.tried[0];
                ensure!(tried.failure.as_deref() == Some(word), "{}: {tried:?}", context());
                ensure!(!format!("{record:?}").contains(TOKEN), "{record:?}");
                scene.house.settled().await?;
            }
        }
        Ok(())
    })
}

#[test]
fn what_fails_after_text_came_ends_the_stream_in_an_error() -> Result<()> {
    on_two_workers(async {
        let scene = Scene::open("").await?;
        let answer = scene.house.chat("house/midway", true).await?;
        let events = answer.events()?;
        ensure!(events[events.len() - 2].contains("\"Hel\""), "{events:?}");
        let error = error_of(&serde_json::from_str(&events[events.len() - 1])?)?;
        let words = error["message"].as_str().unwrap_or_default();
        ensure!(words.contains("ended with the exit status 3: lost (redacted)"), "{error}");
        ensure!(!format!("{answer:?}").contains(TOKEN), "{answer:?}");
        scene.house.settled().await
    })
}

#[test]
fn a_program_that_is_not_there_fails_until_it_is() -> Result<()> {
    on_two_workers(async {
        let route = route(&["house/sonnet", "spare/echo"], "");
        let scene = Scene::without_program(&format!("{PRESET}{route}")).await?;
        for streaming in STREAMED {
            let answer = scene.house.chat("auto", streaming).await?;
            ensure!(answer.header("x-portcullis-candidate") == "spare/echo", "{answer:?}");
            let record = scene.house.record("auto").await?;
            ensure!(record.tried.len() == 2, "it was asked twice: {record:?}");
            let tried = &record.tried[0];
            ensure!(tried.failure.as_deref() == Some("upstream"), "{tried:?}");
            let words = tried.message.as_deref().unwrap_or_default();
            ensure!(words.contains("the program claude cannot be started: it is in no folder"));
        }
        let missing =
            scene.house.running.gateway.deployment().providers[0].commands.missing().count();
        ensure!(missing == 2, "{missing}");
        scene.install()?;
        let answer = scene.house.chat("house/sonnet", false).await?;
        ensure!(said(&answer, false)? == "Hello, wörld 🦀!", "{answer:?}");
        Ok(())
    })
}

#[test]
fn whoever_goes_away_ends_the_program_and_all_that_it_started() -> Result<()> {
    on_two_workers(async {
        for streaming in STREAMED {
            let scene = Scene::open("").await?;
            let path = scene.pipe()?;
            let body = json!({
                "model": "house/hold", "stream": streaming,
                "messages": [{ "role": "user", "content": path }],
            });
            let mut caller = scene.house.caller(Http::One).await?;
            let request =
                caller.request(Method::POST, "/v1/chat/completions", &[JSON], body.to_string())?;
            let begun = async {
                let mut answer = caller.begin(request).await?.into_body();
                answer.frame().await.context("no first piece")??;
                anyhow::Ok(answer)
            };
            if streaming {
                let (held, answer) = tokio::join!(scene.held(&path), begun);
                drop(answer?);
                drop(caller);
                gone(held?).await?;
            } else {
                // Nothing of an answer comes before it is whole.
                let held = tokio::select! {
                    held = scene.held(&path) => held?,
                    answer = begun => bail!("an answer began: {:?}", answer.map(drop)),
                };
                drop(caller);
                gone(held).await?;
            }
            scene.house.settled().await?;
        }
        Ok(())
    })
}

#[test]
fn a_program_that_takes_too_long_is_ended() -> Result<()> {
    on_two_workers(async {
        let lines = "[providers.house.commands]\nchat = { timeout = \"200ms\" }\n\
                     stream = { timeout = \"200ms\" }\n";
        let scene = Scene::open(lines).await?;
        let path = scene.pipe()?;
        let asked = scene.ask("house/hold", user(&path), json!({}));
        let (held, answer) = tokio::join!(scene.held(&path), asked);
        let words = answer?.refused(504, "timed_out")?;
        ensure!(words.contains("the program ran for more than 200ms"), "{words}");
        gone(held?).await?;
        let asked = scene.ask("house/hold", user(&path), json!({ "stream": true }));
        let (held, answer) = tokio::join!(scene.held(&path), asked);
        let answer = answer?;
        ensure!(answer.events()?.last().is_some_and(|it| it.contains("more than 200ms")));
        gone(held?).await?;
        scene.house.settled().await
    })
}

#[test]
fn a_provider_runs_as_many_programs_as_it_may() -> Result<()> {
    on_two_workers(async {
        let route = route(&["house/hold", "spare/echo"], "");
        let scene = Scene::open(&format!("concurrency = 1\n{route}")).await?;
        let path = scene.pipe()?;
        let mut first = scene.house.caller(Http::One).await?;
        let body = json!({ "model": "house/hold", "stream": true, "messages": user(&path) });
        let request =
            first.request(Method::POST, "/v1/chat/completions", &[JSON], body.to_string())?;
        let (held, answer) = tokio::join!(scene.held(&path), first.begin(request));
        let (held, answer) = (held?, answer?);
        let second = scene.house.chat("auto", false).await?;
        ensure!(second.header("x-portcullis-candidate") == "spare/echo", "{second:?}");
        let record = scene.house.record("auto").await?;
        ensure!(record.tried[0].failure.as_deref() == Some("passed-over"), "{record:?}");
        drop(answer);
        drop(first);
        gone(held).await?;
        scene.house.settled().await
    })
}

#[test]
fn a_program_need_not_read_what_it_is_told() -> Result<()> {
    on_two_workers(async {
        let scene = Scene::open("").await?;
        for streaming in STREAMED {
            // More than a pipe holds.
            let long = user(&"x".repeat(1 << 20));
            let answer = scene.ask("house/deaf", long, json!({ "stream": streaming })).await?;
            ensure!(said(&answer, streaming)? == "Hello, wörld 🦀!", "{answer:?}");
        }
        let answer = scene.ask("house/sonnet", chat("m", false)["messages"].clone(), json!({}));
        said(&answer.await?, false)?;
        scene.house.settled().await
    })
}
