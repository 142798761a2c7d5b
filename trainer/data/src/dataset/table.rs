//! Tables in text: columns by the names in the first line, tabs between them.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// A table in memory.
pub struct Table {
    name: String,
    columns: Vec<String>,
    rows: Vec<(usize, Vec<String>)>,
}

/// One line of a table.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    line: usize,
    cells: &'a [String],
}

impl Table {
    /// Reads a file of UTF-8. Empty lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// When it cannot be read, lacks one of the columns `needed`, or a line has more cells
    /// than there are columns.
    pub fn read(path: &Path, needed: &[&str]) -> Result<Self> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        Self::parse(name, &text, needed)
    }

    fn parse(name: String, text: &str, needed: &[&str]) -> Result<Self> {
        let cells = |line: &str| -> Vec<String> {
            line.split('\t').map(|cell| cell.trim().into()).collect()
        };
        let mut lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let Some((_, head)) = lines.next() else {
            bail!("{name} is empty: its first line names the columns");
        };
        let columns = cells(head);
        for column in needed {
            ensure!(
                columns.iter().any(|named| named == column),
                "{name} has no column `{column}`: its first line must name the columns, with tabs between"
            );
        }
        let rows: Vec<_> = lines
            .map(|(number, line)| (number + 1, cells(line)))
            .collect();
        for (line, cells) in &rows {
            ensure!(
                cells.len() <= columns.len(),
                "{name}, line {line}: {} cells in {} columns",
                cells.len(),
                columns.len()
            );
        }
        Ok(Self {
            name,
            columns,
            rows,
        })
    }

    /// All rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, cells)| Row {
            table: self,
            line: *line,
            cells,
        })
    }
}

impl<'a> Row<'a> {
    /// A cell; `None` where the column is missing, or the cell is empty or `-`.
    pub fn get(&self, column: &str) -> Option<&'a str> {
        let at = self.table.columns.iter().position(|name| name == column)?;
        let cell = self.cells.get(at)?.as_str();
        (!cell.is_empty() && cell != "-").then_some(cell)
    }

    /// A cell that must not be empty.
    ///
    /// # Errors
    /// When it is; names the line.
    pub fn need(&self, column: &str) -> Result<&'a str> {
        self.get(column)
            .with_context(|| format!("{}: the column `{column}` is empty", self.place()))
    }

    /// File and line, for messages.
    pub fn place(&self) -> String {
        format!("{}, line {}", self.table.name, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_the_names_of_columns() {
        let text = "# who\nfake\treal\tkind\n\na.mp4\tb.mp4\tswap\nc.mp4\td.mp4\t-\ne.mp4\n";
        let table = Table::parse("t".into(), text, &["fake", "real"]).unwrap();
        let rows: Vec<_> = table.rows().collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(
            (rows[0].get("kind"), rows[1].get("kind")),
            (Some("swap"), None)
        );
        assert_eq!(rows[0].get("method"), None);
        let error = rows[2].need("real").unwrap_err().to_string();
        assert!(
            error.contains("line 6") && error.contains("real"),
            "{error}"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |text: &str| {
            let table = Table::parse("t.tsv".into(), text, &["path"]);
            table.err().unwrap().to_string()
        };
        assert!(error("").contains("t.tsv is empty"));
        assert!(error("file\tkind\n").contains("no column `path`"));
        assert!(error("path\nx\ty\n").contains("line 2: 2 cells in 1 columns"));
    }
}
