//! What a model's name says about it: where to ask it, and which parameters its generation
//! takes. The API tells nobody in advance; these are the rules of its guides.

use portcullis_sdk::prelude::*;

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
        Failure::unless_plain(tuned.unwrap_or(bare))?;
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
    /// can do without thinking; the others think as little as they can. `None` for no known one.
    pub(crate) fn thinking(&self, effort: &str) -> Option<(Json<'static>, bool)> {
        let old = !self.is_third() && self.generation > (0, 0);
        let least = if self.pro || self.generation >= (3, 7) { "low" } else { "minimal" };
        let (budget, level): (u32, _) = match effort {
            "none" => (if self.pro { 128 } else { 0 }, least),
            "minimal" => (1_024, least),
            "low" => (1_024, "low"),
            "medium" => (8_192, "medium"),
            "high" | "xhigh" => (24_576, "high"),
            _ => return None,
        };
        let level = object! { "thinkingLevel": level };
        let config = if old {
            object! { "thinkingBudget": budget }
        } else {
            level
        };
        Some((config, effort != "xhigh" && (effort != "none" || old && !self.pro)))
    }
}
