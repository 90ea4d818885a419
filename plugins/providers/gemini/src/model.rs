//! What a model's name says about it: where to ask it, and which parameters its generation
//! takes. The API tells nobody in advance; these are the rules of its guides.

use crate::request::wrong;
use portcullis_sdk::provider::{Failure, FailureKind};
use serde_json::{Value, json};

/// A model's name, read.
pub(crate) struct Name {
    /// "models/gemini-3.8-flash".
    pub(crate) path: String,
    /// (2, 5), (3, 8)…; a Gemini without a number ("gemini-flash-latest") is of the newest
    /// generation, and what is no Gemini of none.
    generation: (u32, u32),
    pro: bool,
    lite: bool,
}

impl Name {
    /// Reads a name, with or without "models/" before it. It becomes part of an address, so
    /// nothing may stand in it that means something there.
    pub(crate) fn read(name: &str) -> Result<Self, Failure> {
        let bare = name.strip_prefix("models/").unwrap_or(name);
        let tuned = bare.strip_prefix("tunedModels/");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !tuned.unwrap_or(bare).chars().all(plain) {
            let message = "no model of the Gemini API has such a name";
            return Err(Failure::new(FailureKind::NotFound, message));
        }
        let path = if tuned.is_some() { bare.to_owned() } else { format!("models/{bare}") };
        let generation = bare.strip_prefix("gemini-").map_or((0, 0), |rest| {
            let number = rest.split('-').next().unwrap_or_default();
            let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
            major.parse().ok().zip(minor.parse().ok()).unwrap_or((u32::MAX, 0))
        });
        let (pro, lite) = (bare.contains("-pro"), bare.contains("-lite"));
        Ok(Self { path, generation, pro, lite })
    }

    /// Whether it is a Gemini 3 or later: it checks the signatures of its thoughts, and gives
    /// one answer only.
    pub(crate) fn is_third(&self) -> bool {
        self.generation >= (3, 0)
    }

    /// Whether it still looks at `temperature`, `top_p` and `top_k`.
    pub(crate) fn samples(&self) -> bool {
        self.generation < (3, 5) || self.generation == (3, 5) && !self.lite
    }

    /// The `thinkingConfig` for an effort, and whether that is what was asked for. Few models
    /// can do without thinking; the others think as little as they can.
    pub(crate) fn thinking(&self, effort: &str) -> Result<(Value, bool), Failure> {
        let budget = |tokens: u32| json!({"thinkingBudget": tokens});
        let level = |level: &str| json!({"thinkingLevel": level});
        let old = !self.is_third() && self.generation > (0, 0);
        let config = match effort {
            "none" if old => budget(if self.pro { 128 } else { 0 }),
            "minimal" | "low" if old => budget(1_024),
            "medium" if old => budget(8_192),
            "high" | "xhigh" if old => budget(24_576),
            "none" | "minimal" if self.pro || self.generation >= (3, 7) => level("low"),
            "none" | "minimal" => level("minimal"),
            "low" | "medium" | "high" => level(effort),
            "xhigh" => level("high"),
            _ => return Err(wrong("reasoning_effort", "is none that is known")),
        };
        Ok((config, effort != "xhigh" && (effort != "none" || old && !self.pro)))
    }
}
