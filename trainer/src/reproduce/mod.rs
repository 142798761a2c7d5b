//! `unmask-trainer reproduce`: the paper's table and ablation beside ours, with equal data,
//! seeds, epochs and inner attacks for every row.

mod budget;
mod figures;
mod frontier;
mod page;
mod rows;
mod study;
mod summary;
mod table;

pub use budget::{Budget, Speed};
pub use figures::{Aucs, DefenceFigures, Robust, RunFigures, measure};
pub use frontier::draw_frontier;
pub use page::write_page;
pub use rows::{DefenceRow, PAPER_TABLE, RowKind, rows};
pub use study::{Study, base_config};
pub use summary::{Spread, StudySummary, SummaryRow, summarise};
pub use table::write_tables;
