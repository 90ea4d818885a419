//! Terms and the points that they give to labels: found in one walk over the text.
//!
//! A tree of bytes, entered at the beginning of each word; most words leave it after two or three
//! bytes, and the rest of them is skipped. An automaton that never goes back (Aho-Corasick) reads
//! no byte twice, but its tables are of a size that a fresh sandbox pays for page by page.

use std::collections::BTreeMap;

/// Points of a term that an operator gives.
const OPERATORS: u32 = 8;
/// Labels in their order: where two tasks have as many points, the first is taken.
const LABELS: [&str; 11] = [
    "coding",
    "review",
    "research",
    "memory",
    "summary",
    "reasoning",
    "tools",
    "quick",
    "private",
    "critical",
    "complex",
];

/// All terms.
#[derive(Debug)]
pub(crate) struct Terms {
    labels: Vec<String>,
    votes: Vec<Vote>,
    nodes: Vec<Node>,
    /// The node of each first byte; 0 is none.
    roots: Vec<u16>,
}

/// Points that a term gives to a label; a term may have several.
#[derive(Debug)]
struct Vote {
    label: usize,
    points: u32,
    /// The next vote of the same term, counted from 1.
    next: u16,
}

/// A byte behind those of its parents. Nodes of one parent lie side by side.
#[derive(Debug, Clone, Default)]
struct Node {
    byte: u8,
    last: bool,
    /// The first node behind it; 0 is none.
    below: u16,
    /// The first vote of the term that ends here, from 1, if the word does as well.
    whole: u16,
    /// The first vote of the term that ends here, whatever the word goes on with.
    stem: u16,
}

impl Terms {
    /// Reads the terms that come with the plugin and the operator's.
    pub(crate) fn new(
        shipped: &str,
        operators: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, String> {
        let mut labels: Vec<String> = LABELS.map(str::to_owned).to_vec();
        let mut votes = Vec::new();
        let mut ends: BTreeMap<Vec<u8>, (u16, u16)> = BTreeMap::new();
        let mut take = |label: &str, points: u32, term: &str| -> Result<(), String> {
            let index = labels.iter().position(|known| known == label).unwrap_or_else(|| {
                labels.push(label.to_owned());
                labels.len() - 1
            });
            let (bare, is_stem) = match term.strip_suffix('*') {
                Some(bare) => (bare, true),
                None => (term, false),
            };
            let bytes = fold(bare.to_lowercase().into_bytes());
            if bytes.is_empty() {
                return Err(format!("terms.{label}: {term:?} has no letters"));
            }
            let end = ends.entry(bytes).or_default();
            let first = if is_stem { &mut end.1 } else { &mut end.0 };
            votes.push(Vote { label: index, points, next: *first });
            *first = small(votes.len())?;
            Ok(())
        };
        for (number, line) in shipped.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let read = line.split_once(": ").and_then(|(head, terms)| {
                let (label, points) = head.split_once(' ')?;
                Some((label, points.parse().ok()?, terms))
            });
            let Some((label, points, terms)) = read else {
                return Err(format!("terms.txt, line {}: no \"label points: terms\"", number + 1));
            };
            for term in terms.split(", ") {
                take(label, points, term)?;
            }
        }
        for (label, terms) in operators {
            for term in terms {
                take(label, OPERATORS, term)?;
            }
        }
        let (nodes, roots) = tree(&ends)?;
        Ok(Self { labels, votes, nodes, roots })
    }

    /// The labels, in the order of what [`Terms::points`] returns.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(String::as_str)
    }

    /// Which of them it is.
    pub(crate) fn index(&self, label: &str) -> Option<usize> {
        self.labels().position(|known| known == label)
    }

    /// The points of each label. A term counts once, however often it stands in the text.
    pub(crate) fn points(&self, text: String) -> Vec<u32> {
        let text = fold(text.into_bytes());
        let mut points = vec![0; self.labels.len()];
        let mut counted = vec![false; self.votes.len() + 1];
        let mut at = 0;
        while at < text.len() {
            self.walk(&text[at..], &mut points, &mut counted);
            at += skip(&text[at..]);
        }
        points
    }

    /// Counts the terms that the text begins with.
    fn walk(&self, text: &[u8], points: &mut [u32], counted: &mut [bool]) {
        let mut below = self.roots[usize::from(text[0])];
        let mut at = 0;
        while below != 0 && at < text.len() {
            let Some(node) = self.find(usize::from(below), text[at]) else { return };
            at += 1;
            self.count(node.stem, points, counted);
            // What ends in a character of a language without spaces ends with any.
            let ends = text.get(at).is_none_or(|&next| !is_word(next)) || text[at - 1] >= 0x80;
            if ends {
                self.count(node.whole, points, counted);
            }
            below = node.below;
        }
    }

    fn find(&self, first: usize, byte: u8) -> Option<&Node> {
        let row = &self.nodes[first..];
        let end = row.iter().position(|node| node.byte >= byte || node.last)?;
        Some(&row[end]).filter(|node| node.byte == byte)
    }

    fn count(&self, first: u16, points: &mut [u32], counted: &mut [bool]) {
        let mut vote = usize::from(first);
        if vote == 0 || counted[vote] {
            return;
        }
        counted[vote] = true;
        while let Some(found) = vote.checked_sub(1).map(|index| &self.votes[index]) {
            points[found.label] += found.points;
            vote = usize::from(found.next);
        }
    }
}

/// Lays the terms out as a tree; node 0 is none.
fn tree(ends: &BTreeMap<Vec<u8>, (u16, u16)>) -> Result<(Vec<Node>, Vec<u16>), String> {
    let terms: Vec<(&[u8], (u16, u16))> =
        ends.iter().map(|(term, end)| (term.as_slice(), *end)).collect();
    let mut nodes = vec![Node::default()];
    let mut roots = vec![0; 256];
    // What is still to be laid out: terms with a beginning in common, how long that is, and
    // whose children they are.
    let mut open = vec![(0..terms.len(), 0, 0_usize)];
    while let Some((range, depth, parent)) = open.pop() {
        let first = nodes.len();
        let mut at = range.start;
        while at < range.end {
            let byte = terms[at].0[depth];
            let same = |(term, _): &&(&[u8], _)| term[depth] == byte;
            let end = at + terms[at..range.end].iter().take_while(same).count();
            let mut node = Node { byte, ..Node::default() };
            // Of the terms with this beginning, the one that is no longer sorts first.
            let ended = terms[at].0.len() == depth + 1;
            if ended {
                (node.whole, node.stem) = terms[at].1;
            }
            let rest = at + usize::from(ended);
            if rest < end {
                open.push((rest..end, depth + 1, nodes.len()));
            }
            nodes.push(node);
            at = end;
        }
        if let Some(node) = nodes.last_mut() {
            node.last = true;
        }
        if parent == 0 {
            for index in first..nodes.len() {
                roots[usize::from(nodes[index].byte)] = small(index)?;
            }
        } else {
            nodes[parent].below = small(first)?;
        }
    }
    Ok((nodes, roots))
}

/// Small letters, as far as one byte tells: ASCII, and behind 0xC3 those of Western Europe. A
/// line's end is a space.
fn fold(mut text: Vec<u8>) -> Vec<u8> {
    let mut before = 0;
    for byte in &mut text {
        match *byte {
            b'\n' | b'\r' | b'\t' => *byte = b' ',
            0x80..=0x9E if before == 0xC3 => *byte += 0x20,
            _ => byte.make_ascii_lowercase(),
        }
        before = *byte;
    }
    text
}

/// How far the next place is where a word begins, or anything that is no word.
fn skip(text: &[u8]) -> usize {
    match text[0] {
        // Three bytes and more: Chinese, Japanese and Korean characters, each a beginning.
        0xE3..=0xEF => 3,
        0xF0..=0xFF => 4,
        byte if is_word(byte) => text.iter().take_while(|&&byte| is_word(byte)).count(),
        _ => 1,
    }
}

/// Whether a byte is a part of a word in a script that writes spaces.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || (0x80..=0xDF).contains(&byte)
}

fn small(index: usize) -> Result<u16, String> {
    u16::try_from(index).map_err(|_| "terms: there are too many of them".to_owned())
}
