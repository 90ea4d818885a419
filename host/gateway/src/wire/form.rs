//! Forms with files in them (`multipart/form-data`): read from clients, written to upstreams.
//!
//! <https://www.rfc-editor.org/rfc/rfc7578>

use crate::refusal::Refusal;
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value, json};

/// Fields of a form at most.
const MOST: usize = 64;
/// Bytes of all that is no file, at most.
const LONGEST: usize = 256 << 10;

/// A file that came with a request.
#[derive(Debug)]
pub struct Attachment {
    /// The name of its field.
    pub name: String,
    /// What its sender calls it.
    pub filename: String,
    /// What its sender says that it holds.
    pub media_type: String,
    /// What it holds.
    pub bytes: Bytes,
}

/// A form that was read.
#[derive(Debug)]
pub struct Form {
    /// Its fields as an object: texts, lists where a field is repeated or its name ends in `[]`,
    /// and of a file how it is called.
    pub fields: Map<String, Value>,
    /// Its file.
    pub file: Attachment,
}

/// Reads the body of a form with one file.
///
/// # Errors
///
/// What the body is instead, or what it lacks.
pub async fn read(content_type: &str, body: Bytes) -> Result<Form, Refusal> {
    let boundary = multer::parse_boundary(content_type).map_err(|_| no_form(content_type))?;
    let whole = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut form = multer::Multipart::new(whole, boundary);
    let (mut fields, mut file, mut length) = (Map::new(), None, 0);
    for _ in 0..MOST {
        let Some(field) = form.next_field().await.map_err(malformed)? else {
            let file = file.ok_or_else(|| Refusal::missing("file"))?;
            return Ok(Form { fields, file });
        };
        let name = field.name().unwrap_or_default().to_owned();
        if let Some(filename) = field.file_name().map(str::to_owned) {
            if file.is_some() {
                let message = format!("The form has a second file, `{name}`; expected one.");
                return Err(Refusal::invalid(message, Some(&name)));
            }
            let media_type = field.content_type().map(ToString::to_string);
            let media_type = media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
            let bytes = field.bytes().await.map_err(malformed)?;
            if bytes.is_empty() {
                let message = format!("The file `{filename}` is empty.");
                return Err(Refusal::invalid(message, Some(&name)));
            }
            fields
                .insert(name.clone(), json!({ "filename": filename, "content_type": media_type }));
            file = Some(Attachment { name, filename, media_type, bytes });
            continue;
        }
        let text = field.text().await.map_err(malformed)?;
        length += name.len() + text.len();
        if length > LONGEST {
            let message = format!("The fields of the form are longer than {LONGEST} bytes.");
            return Err(Refusal::invalid(message, Some(&name)));
        }
        add(&mut fields, &name, text);
    }
    Err(Refusal::invalid(format!("The form has more than {MOST} fields."), None))
}

/// Adds a text: into a list, where its name says that it is one or it came before.
fn add(fields: &mut Map<String, Value>, name: &str, text: String) {
    let (name, listed) = match name.strip_suffix("[]") {
        Some(name) => (name, true),
        None => (name, false),
    };
    match fields.get_mut(name) {
        Some(Value::Array(texts)) => texts.push(text.into()),
        Some(first) => *first = json!([first.take(), text]),
        None if listed => drop(fields.insert(name.to_owned(), json!([text]))),
        None => drop(fields.insert(name.to_owned(), text.into())),
    }
}

fn no_form(content_type: &str) -> Refusal {
    let message = format!(
        "The content-type is {content_type:?}; expected multipart/form-data with a boundary."
    );
    Refusal::new(http::StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_a_form", message)
}

fn malformed(error: multer::Error) -> Refusal {
    Refusal::invalid(format!("The form is malformed: {error}."), None)
}

/// A part of a form that is written.
pub enum Part<'a> {
    /// A text.
    Text(&'a str),
    /// A file.
    File(&'a Attachment),
}

/// Writes a form: its content type and its body.
pub fn write(parts: &[(&str, Part<'_>)]) -> (String, Bytes) {
    // No file holds what was drawn after it was sent.
    let boundary = format!("portcullis-{:032x}", rand::random::<u128>());
    let files = parts.iter().map(|(_, part)| match part {
        Part::Text(text) => text.len(),
        Part::File(file) => file.bytes.len(),
    });
    let mut body = BytesMut::with_capacity(files.sum::<usize>() + parts.len() * 256);
    for (name, part) in parts {
        let name = quoted(name);
        let head = format!("--{boundary}\r\ncontent-disposition: form-data; name={name}");
        body.put_slice(head.as_bytes());
        match part {
            Part::Text(text) => {
                body.put_slice(b"\r\n\r\n");
                body.put_slice(text.as_bytes());
            }
            Part::File(file) => {
                let (filename, media) = (quoted(&file.filename), line(&file.media_type));
                let rest = format!("; filename={filename}\r\ncontent-type: {media}\r\n\r\n");
                body.put_slice(rest.as_bytes());
                body.put_slice(&file.bytes);
            }
        }
        body.put_slice(b"\r\n");
    }
    body.put_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body.freeze())
}

/// A name in quotes, as browsers write it
/// (<https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data>):
/// it can end neither its quotes nor its line.
fn quoted(name: &str) -> String {
    let name = name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22");
    format!("\"{name}\"")
}

/// A text without the ends of lines, behind which headers could follow.
fn line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(filename: &str) -> Attachment {
        let (name, media_type) = ("file".to_owned(), "audio/wav".to_owned());
        let filename = filename.to_owned();
        Attachment { name, filename, media_type, bytes: Bytes::from_static(b"RIFF\r\n--x") }
    }

    #[tokio::test]
    async fn what_is_written_is_read_again() {
        let file = file("a \"b\"\r\nc.wav");
        let (content_type, body) = write(&[
            ("model", Part::Text("m")),
            ("timestamp_granularities[]", Part::Text("word")),
            ("include[]", Part::Text("a")),
            ("include[]", Part::Text("b")),
            ("file", Part::File(&file)),
        ]);
        let form = read(&content_type, body).await.unwrap();
        let expected = json!({
            "model": "m",
            "timestamp_granularities": ["word"],
            "include": ["a", "b"],
            "file": { "filename": "a %22b%22%0D%0Ac.wav", "content_type": "audio/wav" },
        });
        assert_eq!(Value::Object(form.fields), expected);
        assert_eq!((form.file.name.as_str(), &*form.file.bytes), ("file", &*file.bytes));
    }

    #[tokio::test]
    async fn what_is_no_form_is_refused() {
        let refused = async |content_type: &str, body: &'static str| {
            read(content_type, Bytes::from_static(body.as_bytes())).await.unwrap_err().message
        };
        let form = "multipart/form-data; boundary=x";
        assert!(refused("application/json", "{}").await.contains("expected multipart/form-data"));
        assert!(refused(form, "").await.contains("The form is malformed"));
        assert!(refused(form, "--x\r\n").await.contains("The form is malformed"));
        assert_eq!(refused(form, "--x--\r\n").await, "`file` is missing.");
        let empty =
            "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\r\n--x--";
        assert!(refused(form, empty).await.contains("`a` is empty"));
    }
}
