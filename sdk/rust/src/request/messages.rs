//! What a field says in each message of a chat, without a copy of all that was written.

use super::Request;
use crate::Json;

/// Messages that are asked for one by one. A question has the host read what comes before its
/// answer, so of a longer conversation the rest is copied instead.
const ONE_BY_ONE: usize = 32;

impl Request {
    /// The messages in which this field says something, by their place, and what it says as JSON.
    /// What is asked for so short is as a rule the same in many requests, so that what was decided
    /// on it can be remembered.
    pub fn in_messages(&self, field: &str) -> Vec<(usize, String)> {
        let get = |place, name| self.get(&format!("/messages/{place}/{name}"), u32::MAX);
        let mut found = Vec::new();
        for place in 0..ONE_BY_ONE {
            match get(place, field) {
                Some(value) if value != "null" => found.push((place, value)),
                // Every message has a role.
                None if get(place, "role").is_none() => return found,
                _ => {}
            }
        }
        let all = self.get("/messages", u32::MAX).unwrap_or_default();
        let all = Json::read(&all).unwrap_or_default();
        let later = (0..).zip(all.items()).skip(ONE_BY_ONE);
        let later = later.map(|(place, message)| (place, &message[field]));
        let said = later.filter(|(_, value)| !value.is_null());
        found.extend(said.map(|(place, value)| (place, value.to_string())));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::ONE_BY_ONE;
    use crate::{Recording, Request};

    #[test]
    fn a_field_is_found_in_every_message_in_which_it_says_something() {
        for before in [0, 1, ONE_BY_ONE - 1, ONE_BY_ONE, 100] {
            let plain = r#"{"role": "user", "content": "a"},"#.repeat(before);
            let named = r#"{"role": "user", "name": "ann"}, {"role": "user", "name": null}"#;
            let body = format!(r#"{{"messages": [{plain}{named}, {{"role": "tool"}}]}}"#);
            let request = Request::from(Recording { body, ..Recording::default() });
            let expected = [(before, r#""ann""#.to_owned())];
            assert_eq!(request.in_messages("name"), expected, "{before}");
        }
        let none = Request::from(Recording { body: "{}".to_owned(), ..Recording::default() });
        assert!(none.in_messages("name").is_empty());
    }
}
