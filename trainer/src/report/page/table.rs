//! Tables that scroll sideways on small screens.

use super::escape;

/// What a column holds.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Column<'a> {
    /// Words; the first column of words names its row.
    Text(&'a str),
    /// Numbers, flush right.
    Number(&'a str),
    /// Long text.
    Wide(&'a str),
}

impl<'a> Column<'a> {
    fn parts(self) -> (&'static str, &'a str) {
        match self {
            Self::Text(name) => ("", name),
            Self::Number(name) => (" class=\"n\"", name),
            Self::Wide(name) => (" class=\"wide\"", name),
        }
    }
}

/// Draws a table. Cells are HTML already; the caption is text.
pub(crate) fn table(caption: &str, columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    let head: String = columns
        .iter()
        .map(|column| {
            let (class, name) = column.parts();
            format!("<th scope=\"col\"{class}>{name}</th>")
        })
        .collect();
    let body: String = rows
        .iter()
        .map(|row| {
            let cells = columns.iter().zip(row).enumerate();
            let cells: String = cells
                .map(|(place, (column, cell))| match (place, column.parts().0) {
                    (0, class) => format!("<th scope=\"row\"{class}>{cell}</th>"),
                    (_, class) => format!("<td{class}>{cell}</td>"),
                })
                .collect();
            format!("<tr>{cells}</tr>")
        })
        .collect();
    let caption = match caption {
        "" => String::new(),
        // Beside the table rather than in it, so that it does not scroll away.
        text => format!("<p class=\"caption\">{}</p>", escape(text)),
    };
    format!(
        "{caption}<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
}

/// A list of names with what belongs to them; both are HTML already.
pub(super) fn list(rows: &[(&str, String)]) -> String {
    let rows: String = rows
        .iter()
        .map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>"))
        .collect();
    format!("<dl>{rows}</dl>")
}
