//! A provider that behaves, for programs that change one thing of it.

/// Makes a provider of a type that implements `Provider`, the trait of the same functions with
/// well-behaved defaults that this macro brings with it. A value of the type is one exchange.
///
/// After the type may follow the options of the bindings, for a world of the program's own
/// that includes `provider-plugin`.
#[macro_export]
macro_rules! provider {
    ($guest:ident) => {
        $crate::provider!($guest, {
            path: "../../wit",
            world: "provider-plugin",
            generate_all,
        });
    };
    ($guest:ident, $options:tt) => {
        #[allow(unsafe_code, reason = "generated: the canonical ABI is pointers and lengths")]
        #[allow(dead_code, unused_imports, reason = "each program uses a little of it")]
        #[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
        mod guest {
            wit_bindgen::generate!($options);

            pub use self::exports::portcullis::plugin::provider::{
                Body, Call, Description, Ending, Exchange, Frame, Framing, Guest, GuestExchange,
                HttpCall, Model, ReplyHead,
            };
            pub use self::portcullis::plugin::events::{Event, Finish, TextDelta, ToolCallDelta};
            pub use self::portcullis::plugin::requests::Request;
            pub use self::portcullis::plugin::types::{Failure, FailureKind, JsonEdit};

            pub trait Provider: Default + 'static {
                /// Whether the reply goes to the client as it is, without this guest.
                const PASSTHROUGH: bool = true;

                fn describe() -> Description {
                    description()
                }

                fn start(request: &Request) -> Result<(Self, Call), Failure> {
                    let mut call = call(request);
                    call.passthrough = Self::PASSTHROUGH;
                    Ok((Self::default(), Call::Http(call)))
                }

                /// Each frame becomes one word of the answer.
                fn frames(&self, frames: Vec<Frame>) -> Result<Vec<Event>, Failure> {
                    Ok(frames.iter().map(|_| text("word ")).collect())
                }

                fn end(&self) -> Result<Ending, Failure> {
                    Ok(Ending::Done(vec![finished()]))
                }

                fn refused(head: ReplyHead) -> Failure {
                    failure(format!("the upstream answered {}", head.status))
                }
            }

            pub fn description() -> Description {
                Description {
                    operations: vec!["chat".to_owned(), "embeddings".to_owned()],
                    dialects: Vec::new(),
                    models: Vec::new(),
                    extra: Vec::new(),
                }
            }

            /// The sender's own body, with the upstream's name of the model.
            pub fn call(request: &Request) -> HttpCall {
                let (path, model) = match request.operation().as_str() {
                    "embeddings" => ("/embeddings", "\"embed\""),
                    _ => ("/chat/completions", "\"echo\""),
                };
                let framing = if request.streaming() { Framing::Sse } else { Framing::Whole };
                let model = JsonEdit::Set(("/model".to_owned(), model.to_owned()));
                HttpCall {
                    method: "POST".to_owned(),
                    path_and_query: path.to_owned(),
                    headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                    body: Body::Edited(vec![model]),
                    framing,
                    passthrough: false,
                    extra: Vec::new(),
                }
            }

            pub fn text(text: &str) -> Event {
                Event::Text(TextDelta { index: 0, text: text.to_owned() })
            }

            pub fn finished() -> Event {
                let reason = "stop".to_owned();
                Event::Finished(Finish { index: 0, reason, extra: Vec::new() })
            }

            pub fn failure(message: impl Into<String>) -> Failure {
                Failure {
                    kind: FailureKind::Other,
                    message: message.into(),
                    status: None,
                    code: None,
                    retry_after_ms: None,
                    extra: Vec::new(),
                }
            }

            struct Component;
            export!(Component);

            impl Guest for Component {
                type Exchange = super::$guest;

                fn describe() -> Description {
                    <super::$guest as Provider>::describe()
                }

                fn configure(_: String) -> Result<(), String> {
                    Ok(())
                }

                fn refused(head: ReplyHead, _: Vec<u8>) -> Failure {
                    <super::$guest as Provider>::refused(head)
                }

                fn list_models_call() -> Option<Call> {
                    None
                }

                fn read_models(_: ReplyHead, _: Vec<u8>) -> Result<Vec<Model>, Failure> {
                    Ok(Vec::new())
                }
            }

            impl GuestExchange for super::$guest {
                fn start(request: Request) -> Result<(Exchange, Call), Failure> {
                    let (exchange, call) = <Self as Provider>::start(&request)?;
                    Ok((Exchange::new(exchange), call))
                }

                fn head(&self, _: ReplyHead) -> Result<(), Failure> {
                    Ok(())
                }

                fn frames(&self, frames: Vec<Frame>) -> Result<Vec<Event>, Failure> {
                    <Self as Provider>::frames(self, frames)
                }

                fn end(&self) -> Result<Ending, Failure> {
                    <Self as Provider>::end(self)
                }
            }
        }
        #[allow(unused_imports, reason = "each program uses a little of it")]
        use guest::*;
    };
}
