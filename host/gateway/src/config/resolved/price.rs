//! What a model costs, by its tokens or by the minute of what it listens to, and where that is known
//! from.

use portcullis_sandbox::Digest;

/// The prices of a model. All of them are optional: a price that nobody knows is not zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    /// Those of every request for which no tier says others.
    pub base: Rates,
    /// Those of long prompts, by rising length.
    pub tiers: Vec<Tier>,
    /// US dollars per minute of audio. Who charges by it does not charge by the token as well.
    pub audio_minute: Option<f64>,
    /// Where they were read: an address, or the operator's own words.
    pub source: Option<String>,
    /// When they were read there, as YYYY-MM-DD.
    pub as_of: Option<String>,
}

/// US dollars per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Of tokens of input.
    pub input: Option<f64>,
    /// Of tokens of output, those of reasoning included.
    pub output: Option<f64>,
    /// Of tokens of input that the upstream read from its cache; as `input` where it is not known.
    pub cached_input: Option<f64>,
    /// Of tokens of input that the upstream wrote to its cache; likewise.
    pub cache_write: Option<f64>,
    /// Of those that it keeps there for an hour; as `cache_write` where it is not known.
    pub cache_write_1h: Option<f64>,
}

/// Prices of all the tokens of a request whose prompt is longer than so much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tier {
    /// Tokens of input, those from a cache included.
    pub above_tokens: u64,
    /// What holds above.
    pub rates: Rates,
}

/// What one request used, as its upstream counted it or as it is estimated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Of input, those from and to a cache included.
    pub input: u64,
    /// Of output, those of reasoning included.
    pub output: u64,
    /// Of those of input, read from the upstream's cache.
    pub cached_input: u64,
    /// Of those of input, written to the upstream's cache.
    pub cache_write: u64,
    /// Of those written to it, the ones that stay for an hour.
    pub cache_write_1h: u64,
    /// Seconds of audio, where they were counted.
    pub audio_seconds: Option<f64>,
}

impl Prices {
    /// What that costs, in US dollars; `None` where a price that it needs is not known.
    pub fn cost(&self, used: Used) -> Option<f64> {
        match (used.audio_seconds, self.audio_minute) {
            (Some(seconds), Some(price)) => Some(seconds / 60.0 * price),
            // Priced by what was not counted, or counted by what has no price.
            (None, Some(_)) => None,
            (Some(_), None) if used.input == 0 && used.output == 0 => None,
            (_, None) => self.cost_of_tokens(used),
        }
    }

    fn cost_of_tokens(&self, used: Used) -> Option<f64> {
        const MILLION: f64 = 1e6;
        let rates = self.at(used.input);
        let of = |tokens: u64, rate: Option<f64>| match tokens {
            0 => Some(0.0),
            tokens => Some(tokens as f64 * rate? / MILLION),
        };
        let cached = used.cached_input.min(used.input);
        let written = used.cache_write.min(used.input - cached);
        let for_an_hour = used.cache_write_1h.min(written);
        let write = rates.cache_write.or(rates.input);
        let parts = [
            of(used.input - cached - written, rates.input)?,
            of(cached, rates.cached_input.or(rates.input))?,
            of(written - for_an_hour, write)?,
            of(for_an_hour, rates.cache_write_1h.or(write))?,
            of(used.output, rates.output)?,
        ];
        // A request that counted nothing tells nothing of its cost.
        let known = rates.input.or(rates.output).is_some();
        known.then(|| parts.iter().sum())
    }

    /// Names these prices: when they were read, where that is known, and the beginning of a digest
    /// of all of them.
    pub fn version(&self) -> String {
        let digest =
            Digest::of(format!("{:?}", (self.base, &self.tiers, self.audio_minute)).as_bytes());
        let begin: String = digest.bytes()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}/{begin}", self.as_of.as_deref().unwrap_or("-"))
    }

    /// What holds for a prompt of so many tokens.
    pub fn at(&self, input_tokens: u64) -> Rates {
        let above = |tier: &&Tier| input_tokens > tier.above_tokens;
        self.tiers.iter().rev().find(above).map_or(self.base, |tier| tier.rates)
    }

    /// What holds for prompts that are longer than this, up to the next tier.
    pub fn above(&self, tokens: i64) -> Rates {
        u64::try_from(tokens).map_or(self.base, |tokens| self.at(tokens.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(input: f64, output: f64) -> Rates {
        Rates { input: Some(input), output: Some(output), ..Rates::default() }
    }

    fn tokens(input: u64, output: u64) -> Used {
        Used { input, output, ..Used::default() }
    }

    #[track_caller]
    fn check(prices: &Prices, used: Used, expected: Option<f64>) {
        let cost = prices.cost(used);
        let near = match (cost, expected) {
            (Some(cost), Some(expected)) => (cost - expected).abs() < 1e-12,
            (cost, expected) => cost == expected,
        };
        assert!(near, "{cost:?} is not {expected:?}");
    }

    #[test]
    fn tokens_of_a_cache_have_their_own_price() {
        let whole = Rates { cached_input: Some(0.1), cache_write: Some(1.25), ..rates(1.0, 5.0) };
        let prices = Prices { base: whole, ..Prices::default() };
        check(&prices, tokens(1_000_000, 200_000), Some(2.0));
        let cached = Used { cached_input: 600_000, cache_write: 100_000, ..tokens(1_000_000, 0) };
        check(&prices, cached, Some(0.3 + 0.06 + 0.125));
        // What is not known costs as much as other input.
        let plain = Prices { base: rates(1.0, 5.0), ..Prices::default() };
        check(&plain, cached, Some(1.0));
        // More from the cache than there is: an upstream that counts them apart.
        let odd = Used { cached_input: 9, cache_write: 9, ..tokens(5, 0) };
        check(&prices, odd, Some(5.0 * 0.1 / 1e6));
    }

    #[test]
    fn what_a_cache_keeps_for_an_hour_has_its_own_price() {
        let five = Rates { cache_write: Some(1.25), ..rates(1.0, 5.0) };
        let hour = Rates { cache_write_1h: Some(2.0), ..five };
        let of = |base| Prices { base, ..Prices::default() };
        let used = |cache_write, cache_write_1h| Used {
            cache_write,
            cache_write_1h,
            ..tokens(1_000_000, 0)
        };
        check(&of(hour), used(800_000, 300_000), Some(0.2 + 0.5 * 1.25 + 0.3 * 2.0));
        // What is not known costs as much as what is kept for a shorter time.
        check(&of(five), used(800_000, 300_000), Some(0.2 + 0.8 * 1.25));
        // No more can be kept for an hour than was written at all.
        check(&of(hour), used(100_000, 900_000), Some(0.9 + 0.1 * 2.0));
    }

    #[test]
    fn audio_is_priced_by_the_minute_or_by_its_tokens() {
        let minute = Prices { audio_minute: Some(0.006), ..Prices::default() };
        let listened = |seconds| Used { audio_seconds: Some(seconds), ..Used::default() };
        check(&minute, listened(90.0), Some(0.009));
        check(&minute, listened(0.0), Some(0.0));
        check(&minute, tokens(10, 10), None);
        // A transcript may say how long it was though its tokens are what is charged.
        let token = Prices { base: rates(2.5, 10.0), ..Prices::default() };
        check(&token, Used { audio_seconds: Some(90.0), ..tokens(400_000, 0) }, Some(1.0));
        check(&token, listened(90.0), None);
    }

    #[test]
    fn a_long_prompt_is_priced_as_a_whole_by_its_tier() {
        let tier = |above_tokens, rates| Tier { above_tokens, rates };
        let prices = Prices {
            base: rates(1.0, 10.0),
            tiers: vec![tier(200_000, rates(2.0, 15.0)), tier(400_000, rates(3.0, 20.0))],
            ..Prices::default()
        };
        check(&prices, tokens(200_000, 100_000), Some(0.2 + 1.0));
        check(&prices, tokens(200_001, 100_000), Some(0.400_002 + 1.5));
        check(&prices, tokens(1_000_000, 0), Some(3.0));
    }

    #[test]
    fn what_is_not_known_is_not_free() {
        check(&Prices::default(), tokens(0, 0), None);
        check(&Prices::default(), tokens(10, 0), None);
        let half =
            Prices { base: Rates { input: Some(2.0), ..Rates::default() }, ..Prices::default() };
        check(&half, tokens(500_000, 0), Some(1.0));
        check(&half, tokens(500_000, 1), None);
    }
}
