//! The commands of a page.

/// What is done with a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// Its commands are run and must end well.
    Walk,
    /// It must run until it is stopped.
    UntilStopped,
    /// It cannot be run here, for this reason.
    Skip(String),
}

/// Commands that stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Line of the page on which it begins, from 1.
    pub line: usize,
    /// Its lines.
    pub text: String,
    /// What is done with it.
    pub how: How,
}

const SKIP: &str = "<!-- not walked: ";
const UNTIL_STOPPED: &str = "<!-- walked until stopped -->";

/// The blocks of shell commands of a page, in their order.
///
/// # Panics
/// Where commands stand in a block of another kind, which would not be walked.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut inside: Option<(bool, Block)> = None;
    let mut above = "";
    for (at, line) in page.lines().enumerate() {
        if let Some((is_shell, mut block)) = inside.take() {
            if line == "```" {
                if is_shell {
                    found.push(block);
                }
            } else {
                block.text += line;
                block.text.push('\n');
                inside = Some((is_shell, block));
            }
        } else if let Some(language) = line.strip_prefix("```") {
            let how = match above {
                UNTIL_STOPPED => How::UntilStopped,
                _ => match above.strip_prefix(SKIP) {
                    Some(reason) => How::Skip(reason.trim_end_matches(" -->").to_owned()),
                    None => How::Walk,
                },
            };
            let block = Block {
                line: at + 1,
                text: String::new(),
                how,
            };
            inside = Some((language == "sh", block));
        } else {
            assert!(!line.starts_with("    "), "line {}: {line}", at + 1);
        }
        above = line;
    }
    assert!(inside.is_none(), "a block does not end");
    found
}

#[test]
fn blocks_are_found_with_what_is_said_about_them() {
    let page = "# A\n```toml\na = 1\n```\n```sh\nls\nls -l\n```\n<!-- not walked: needs a camera -->\n```sh\nlook\n```\n";
    let block = |line, text: &str, how| Block {
        line,
        text: text.to_owned(),
        how,
    };
    assert_eq!(
        blocks(page),
        [
            block(5, "ls\nls -l\n", How::Walk),
            block(10, "look\n", How::Skip("needs a camera".to_owned())),
        ]
    );
}
