//! Reading `multipart/form-data` (<https://www.rfc-editor.org/rfc/rfc7578>), as far as clients
//! send it: fields of text, and files.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

/// A form as JSON; `None` where the body is none. A field of text is a string, a field whose name
/// ends in `[]` an array of them, without the `[]`; a file says what it is called, of what type
/// and how long it is.
pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Option<Value> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let (_, boundary) = kind.strip_prefix("multipart/form-data")?.split_once("boundary=")?;
    let boundary = format!("\r\n--{}", boundary.split(';').next()?.trim().trim_matches('"'));
    let mut form = Map::new();
    // Each part begins behind a boundary, the first of which has no line before it.
    let mut rest = body.strip_prefix(&boundary.as_bytes()[2..])?;
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = find(part, boundary.as_bytes())?;
        let (name, value) = field(&part[..end])?;
        match name.strip_suffix("[]") {
            None => drop(form.insert(name, value)),
            Some(name) => match form.entry(name).or_insert_with(|| json!([])) {
                Value::Array(values) => values.push(value),
                _ => return None,
            },
        }
        rest = &part[end + boundary.len()..];
    }
    Some(Value::Object(form))
}

/// A part's name and what it holds.
fn field(part: &[u8]) -> Option<(String, Value)> {
    let end = find(part, b"\r\n\r\n")?;
    let (head, content) = (std::str::from_utf8(&part[..end]).ok()?, &part[end + 4..]);
    let header = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let disposition = header("content-disposition")?;
    let parameter = |name: &str| {
        let (_, rest) = disposition.split_once(&format!("; {name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let value = match parameter("filename") {
        Some(name) => {
            let kind = header("content-type").unwrap_or_default();
            json!({"filename": name, "content_type": kind, "bytes": content.len()})
        }
        None => std::str::from_utf8(content).ok()?.into(),
    };
    Some((parameter("name")?, value))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(kind: &'static str, body: &str, expected: Option<Value>) {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        assert_eq!(read(&headers, body.as_bytes()), expected);
    }

    #[test]
    fn fields_lists_and_files_are_told_apart() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\necho\r\n\
             --b\r\nContent-Disposition: form-data; name=\"of[]\"\r\n\r\none\r\n\
             --b\r\nContent-Disposition: form-data; name=\"of[]\"\r\n\r\ntwo\r\n\
             --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
             content-type: audio/wav\r\n\r\n1\r\n2\r\n--b--\r\n";
        let file = json!({"filename": "a.wav", "content_type": "audio/wav", "bytes": 4});
        let form = json!({"model": "echo", "of": ["one", "two"], "file": file});
        check("multipart/form-data; boundary=b", body, Some(form.clone()));
        check("multipart/form-data; boundary=\"b\"; charset=utf-8", body, Some(form));
    }

    #[test]
    fn what_is_no_form_is_none() {
        check("application/json", "{}", None);
        check("multipart/form-data; boundary=b", "--b\r\nno head\r\n--b--", None);
        check("multipart/form-data; boundary=b", "--b\r\nit breaks off", None);
    }
}
