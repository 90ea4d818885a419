//! Numbers its tool calls and its answers so that whoever makes room for them all has none.

portcullis_test_guests::provider!(Counting);

#[derive(Default)]
struct Counting;

impl Provider for Counting {
    const PASSTHROUGH: bool = false;

    fn frames(&self, _: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        let tool = Event::ToolCall(ToolCallDelta {
            index: u32::MAX,
            id: Some("call_1".to_owned()),
            name: Some("weather".to_owned()),
            arguments: "{}".to_owned(),
        });
        let answer = Event::Text(TextDelta { index: u32::MAX, text: "far out".to_owned() });
        let vector = Event::Embedding((u32::MAX, vec![1.0]));
        Ok(vec![tool, answer, vector])
    }
}
