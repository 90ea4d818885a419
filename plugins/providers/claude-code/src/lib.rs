//! Asks Claude Code's command line, `claude -p`: a conversation on its standard input, an answer
//! in JSON on its standard output.
//!
//! It is a program of the operator's, with the operator's login: the operator writes the command
//! out, with holes for what differs from request to request, and the host runs it. Everything
//! that keeps a sender of requests away from the machine (tools, files, settings) is therefore in
//! the command, and the README says what belongs there.

mod answer;
mod asked;
mod failure;
mod prompt;
mod settings;

use answer::Answer;
use asked::Asked;
use failure::unsupported;
use portcullis_sdk::Request;
use portcullis_sdk::provider::{
    Call, CommandCall, Description, Failure, Framing, Provider, ReplyHead,
};
use settings::Settings;

/// The provider, as its operator set it up.
pub struct ClaudeCode {
    settings: Settings,
}

portcullis_sdk::export!(provider ClaudeCode);

impl Provider for ClaudeCode {
    type Settings = Settings;
    type Exchange = Answer;

    fn describe() -> Description {
        Description::of(&["chat"])
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    fn start(&self, request: &Request) -> Result<(Answer, Call), Failure> {
        if request.operation() != "chat" {
            return Err(unsupported("Claude Code answers chats and nothing else"));
        }
        let asked = Asked::of(&self.settings, request)?;
        // What has to fit a schema is known at the end only.
        let (command, framing) = match request.streaming() && asked.schema.is_none() {
            true => ("stream", Framing::Lines),
            false => ("chat", Framing::Whole),
        };
        let mut extra = Vec::new();
        if !asked.dropped.is_empty() {
            // For the host to tell the sender.
            let names = serde_json::to_string(&asked.dropped).unwrap_or_default();
            extra.push(("dropped".to_owned(), names));
        }
        let answer = Answer::new(request.model(), asked.schema.is_some());
        let Asked { parameters, stdin, .. } = asked;
        let call = CommandCall { command: command.to_owned(), parameters, stdin, framing, extra };
        Ok((answer, Call::Command(call)))
    }

    fn refused(&self, head: &ReplyHead, body: &[u8]) -> Failure {
        failure::refused(head, body)
    }
}
