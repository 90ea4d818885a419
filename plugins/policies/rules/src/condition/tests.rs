//! What conditions hold of, and what is said of those that are wrong.

use super::{Condition, Names};
use crate::calendar::Offset;
use crate::facts::Facts;
use portcullis_sdk::{Recording, Request};

fn recording() -> Recording {
    let labels = [("task", "code"), ("score", "0.75"), ("privacy", "private"), ("odd", "it's")];
    Recording {
        model: "gpt-4o".to_owned(),
        tenant: "acme".to_owned(),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        needs: vec!["tools".to_owned()],
        input_token_estimate: 400,
        ..Recording::default()
    }
}

fn check(table: &[(&str, bool)]) {
    for (text, expected) in table {
        let mut names = Names::default();
        let condition =
            Condition::read(text, &mut names).unwrap_or_else(|why| panic!("{text}: {why}"));
        let request = Request::from(recording());
        let facts = Facts::of(&request, &names, Offset::default());
        assert_eq!(condition.holds(&facts), *expected, "{text}");
        assert_eq!(condition.holds(&facts), *expected, "{text}, asked again");
    }
}

#[test]
fn comparisons() {
    check(&[
        ("token_count == 400", true),
        ("token_count != 400", false),
        ("token_count < 400", false),
        ("token_count <= 400", true),
        ("token_count > 399.5", true),
        ("token_count >= 4_00", true),
        ("500 > token_count", true),
        ("-1 < token_count", true),
        ("model == 'gpt-4o'", true),
        ("model == \"gpt-4\"", false),
        ("tenant != 'acme'", false),
        ("operation == 'chat'", true),
        ("label('odd') == 'it\\'s'", true),
        ("label('odd') == \"it's\"", true),
        ("hour >= 0 and hour <= 23 and minute < 60", true),
        ("date > '2020-01-01' and date < '9999'", true),
        (
            "weekday in ['monday','tuesday','wednesday','thursday','friday','saturday','sunday']",
            true,
        ),
    ]);
}

#[test]
fn words_between_conditions_and_their_precedence() {
    check(&[
        ("default", true),
        ("true or false and false", true),
        ("(true or false) and false", false),
        ("not false and false", false),
        ("not (false and false)", true),
        ("not not true", true),
        ("!streaming && true || false", true),
        ("false or false or true", true),
        ("true and true and false", false),
        ("streaming", false),
        ("not\n  streaming", true),
    ]);
}

#[test]
fn labels_and_needs() {
    check(&[
        ("needs('tools')", true),
        ("'tools' in needs", true),
        ("'vision' in needs", false),
        ("'vision' not in needs", true),
        ("not needs(\"vision\")", true),
        ("task_type == 'code'", true),
        ("task_type in ['code', 'maths']", true),
        ("task_type not in ['chat']", true),
        ("privacy == 'private'", true),
        ("label('privacy') == privacy", true),
        ("complexity == ''", true),
        ("complexity == 'high'", false),
        ("complexity != 'high'", true),
        ("conversation == ''", true),
        ("label('score') > 0.5", true),
        ("label('score') in [0.75, 1]", true),
        ("label('score') in ['0.75']", true),
        ("task_type > 0", false),
        ("task_type < 0", false),
        ("task_type != 0", true),
    ]);
}

#[test]
fn what_the_sender_did_not_say_is_like_no_number() {
    check(&[
        ("max_tokens < 10", false),
        ("max_tokens >= 10", false),
        ("max_tokens == 10", false),
        ("max_tokens != 10", true),
        ("max_tokens in [10]", false),
    ]);
}

#[test]
fn expressions() {
    check(&[
        ("model matches '^gpt-[0-9]o$'", true),
        ("model matches 'claude|gpt'", true),
        ("model matches '^4o'", false),
        ("task_type matches '(?i)CODE'", true),
        ("model matches '\\d'", true),
        ("not model matches 'x'", true),
    ]);
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let why = Condition::read(text, &mut Names::default()).map(|_| ()).unwrap_err();
    assert_eq!(why, expected, "{text}");
}

#[test]
fn names_that_do_not_exist() {
    refused(
        "token_cout < 5",
        "line 1, column 1: `token_cout` is not known; did you mean `token_count`?",
    );
    refused(
        "true and Model == 'a'",
        "line 1, column 10: `Model` is not known; did you mean `model`?",
    );
    refused(
        "not\n  taks_type == 'a'",
        "line 2, column 3: `taks_type` is not known; did you mean `task_type`?",
    );
    refused(
        "zzz",
        "line 1, column 1: `zzz` is not known; expected one of task_type, complexity, privacy, \
         conversation, token_count, max_tokens, hour, minute, model, operation, tenant, weekday, \
         date, streaming, needs, label, default, true, false, or a text in quotes",
    );
}

#[test]
fn what_cannot_be_compared() {
    refused("token_count < '5'", "line 1, column 13: a number is compared with a text");
    refused("model == 5", "line 1, column 7: a text is compared with a number");
    refused("model == hour", "line 1, column 7: a text is compared with a number");
    refused("token_count in ['5']", "line 1, column 17: expected a number in this list");
    refused("model in ['a', 5]", "line 1, column 16: expected a text in this list");
    refused("label('a') in ['a', 5]", "line 1, column 21: expected a text in this list");
    refused("label('a') in [5, 'a']", "line 1, column 19: expected a number in this list");
    refused("hour matches '5'", "line 1, column 6: a number matches no expression");
    refused(
        "1 < hour < 3",
        "line 1, column 10: a comparison cannot be compared; join two with `and`",
    );
    let holds = "what stands before this holds or does not, and cannot be compared: use it as it \
                 is, or behind `not`";
    refused("streaming == true", &format!("line 1, column 11: {holds}"));
    refused("(hour == 1) in [1]", &format!("line 1, column 13: {holds}"));
    refused("1 == streaming", "line 1, column 6: expected a number or a text");
}

#[test]
fn what_is_not_finished_or_too_much() {
    refused("", "line 1, column 1: expected a condition");
    refused("true and", "line 1, column 9: expected a condition");
    refused("(true", "line 1, column 6: expected `)`");
    refused("true)", "line 1, column 5: this `)` closes nothing");
    refused("true false", "line 1, column 6: expected `and`, `or` or the end");
    refused("and true", "line 1, column 1: expected a name, a number, a text or `(`");
    refused("model in []", "line 1, column 11: this list is empty");
    refused("model in ['a'", "line 1, column 14: expected `,` or `]`");
    refused("model in ['a',", "line 1, column 15: expected a text, a number or `]`");
    refused("model in 'a'", "line 1, column 10: expected a list such as `['a', 'b']`, or `needs`");
    refused("model not 'a'", "line 1, column 11: expected `in` behind this `not`");
    refused("model in needs", "line 1, column 1: expected a feature as a text: `'tools' in needs`");
    refused("needs", "line 1, column 6: expected a feature: `needs('tools')`");
    let one = "expected one text in parentheses: `needs('…')`";
    refused("needs(tools)", &format!("line 1, column 7: {one}"));
    refused("needs('')", &format!("line 1, column 9: {one}"));
    let one = "expected one text in parentheses: `label('…')`";
    refused("label == 'a'", &format!("line 1, column 7: {one}"));
    refused("label('a', 'b')", &format!("line 1, column 10: {one}"));
    let comparison = "expected a comparison: `==`, `!=`, `<`, `<=`, `>`, `>=`, `in` or `matches`";
    refused("model", &format!("line 1, column 6: {comparison}"));
    refused("'é' and true", &format!("line 1, column 5: {comparison}"));
    refused(
        "model matches model",
        "line 1, column 15: expected a regular expression as a text: `matches '^gpt-'`",
    );
}

#[test]
fn letters_that_mean_nothing() {
    refused("model = 'a'", "line 1, column 7: `=` compares nothing; write `==`");
    refused("true & true", "line 1, column 6: `&` means nothing here");
    refused("model == 'a", "line 1, column 10: this text has no end; expected another '");
    refused(
        "'é' == 2026-01-01",
        "line 1, column 8: `2026-01-01` is not a number; texts have quotes",
    );
    refused("hour == 1e999", "line 1, column 9: `1e999` is not a number; texts have quotes");
    let why = Condition::read("model matches '('", &mut Names::default()).unwrap_err();
    assert!(why.starts_with("line 1, column 15: this is no regular expression: "), "{why}");
}

#[test]
fn nesting_has_an_end() {
    let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Condition::read(&nested(19), &mut Names::default()).is_ok());
    refused(&nested(20), "line 1, column 21: this is nested too deep");
    refused(&"not ".repeat(9_999), "line 1, column 81: this is nested too deep");
}
