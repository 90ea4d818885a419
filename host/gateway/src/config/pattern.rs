//! Patterns of names: `*` stands for anything.

/// Whether a pattern, in which `*` stands for anything, slashes too, matches the whole of a text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| matches(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        let table = [
            ("house/m1", "house/m1", true),
            ("house/m1", "house/m12", false),
            ("house/*", "house/m1", true),
            ("house/*", "house/meta/m1", true),
            ("house/*", "houses/m1", false),
            ("*", "house/m1", true),
            ("*/m*-8b", "house/m1-8b", true),
            ("*/m*-8b", "house/m1-70b", false),
            ("house/*é", "house/né", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
