//! Which track each face belongs to: the assignment of least total cost.

/// Solves assignments; keeps its buffers between them.
///
/// The Hungarian method with potentials (Kuhn 1955, Munkres 1957), in the form that
/// adds one row at a time along a shortest path: at most `rows² · (rows + columns)`
/// steps.
#[derive(Debug, Default)]
pub struct Assignment {
    row_price: Vec<f32>,
    column_price: Vec<f32>,
    /// Row + 1 of each column, 0 for none. Column 0 holds the row that is being added.
    row_of: Vec<usize>,
    came_from: Vec<usize>,
    least: Vec<f32>,
    is_done: Vec<bool>,
    column_of: Vec<Option<usize>>,
}

impl Assignment {
    /// Gives each row a column of its own, or none at the cost `none`, so that the
    /// sum of the costs is least. Costs must be finite; a pair that costs more than
    /// `none` is never made. Returns the column of each row.
    pub fn solve(
        &mut self,
        rows: usize,
        columns: usize,
        none: f32,
        cost: impl Fn(usize, usize) -> f32,
    ) -> &[Option<usize>] {
        // A spare column for each row stands for "none".
        let width = columns + rows;
        // A pair dearer than that would only be made where it opens a cheaper one
        // elsewhere.
        let cost = |row: usize, column: usize| match column < columns {
            true => Some(cost(row, column)).filter(|cost| *cost <= none),
            false => (column - columns == row).then_some(none),
        };
        reset(&mut self.row_price, rows + 1, 0.0);
        reset(&mut self.column_price, width + 1, 0.0);
        reset(&mut self.row_of, width + 1, 0);
        reset(&mut self.came_from, width + 1, 0);
        for row in 1..=rows {
            self.add(row, width, &cost);
        }
        reset(&mut self.column_of, rows, None);
        for column in 1..=columns {
            if let Some(row) = self.row_of[column].checked_sub(1) {
                self.column_of[row] = Some(column - 1);
            }
        }
        &self.column_of
    }

    /// Adds a row along the cheapest path of exchanges.
    fn add(&mut self, row: usize, width: usize, cost: &impl Fn(usize, usize) -> Option<f32>) {
        reset(&mut self.least, width + 1, f32::INFINITY);
        reset(&mut self.is_done, width + 1, false);
        self.row_of[0] = row;
        let mut at = 0;
        // Ends at a free column: the row's own spare one is always open.
        loop {
            self.is_done[at] = true;
            let row = self.row_of[at];
            let (mut step, mut next) = (f32::INFINITY, 0);
            for column in 1..=width {
                if self.is_done[column] {
                    continue;
                }
                if let Some(cost) = cost(row - 1, column - 1) {
                    let reduced = cost - self.row_price[row] - self.column_price[column];
                    if reduced < self.least[column] {
                        self.least[column] = reduced;
                        self.came_from[column] = at;
                    }
                }
                if self.least[column] < step {
                    (step, next) = (self.least[column], column);
                }
            }
            for column in 0..=width {
                if self.is_done[column] {
                    self.row_price[self.row_of[column]] += step;
                    self.column_price[column] -= step;
                } else {
                    self.least[column] -= step;
                }
            }
            at = next;
            if self.row_of[at] == 0 {
                break;
            }
        }
        while at != 0 {
            let from = self.came_from[at];
            self.row_of[at] = self.row_of[from];
            at = from;
        }
    }
}

fn reset<T: Clone>(list: &mut Vec<T>, length: usize, value: T) {
    list.clear();
    list.resize(length, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solve(costs: &[&[f32]], none: f32) -> Vec<Option<usize>> {
        let columns = costs.first().map_or(0, |row| row.len());
        let cost = |row: usize, column: usize| costs[row][column];
        let mut assignment = Assignment::default();
        assignment.solve(costs.len(), columns, none, cost).to_vec()
    }

    #[test]
    fn the_sum_counts_not_the_best_pair() {
        // from scipy.optimize import linear_sum_assignment
        // linear_sum_assignment([[4, 1, 3], [2, 0, 5], [3, 2, 2]])  ->  1, 0, 2
        let square: [&[f32]; 3] = [&[4.0, 1.0, 3.0], &[2.0, 0.0, 5.0], &[3.0, 2.0, 2.0]];
        assert_eq!(solve(&square, 10.0), [Some(1), Some(0), Some(2)]);
        // linear_sum_assignment([[7, 5, 9, 8, 11], [9, 12, 7, 11, 10], [8, 5, 4, 6, 8]])
        // -> 0, 2, 1 (sum 19) or an equal one
        let wide: [&[f32]; 3] = [
            &[7.0, 5.0, 9.0, 8.0, 11.0],
            &[9.0, 12.0, 7.0, 11.0, 10.0],
            &[8.0, 5.0, 4.0, 6.0, 8.0],
        ];
        let found = solve(&wide, 100.0);
        let sum: f32 = found.iter().zip(wide).map(|(c, row)| row[c.unwrap()]).sum();
        assert_eq!(sum, 18.0);
    }

    /// Least sum over every way to pair rows with columns or with none.
    fn least(costs: &[Vec<f32>], none: f32, taken: &mut Vec<bool>) -> f32 {
        let Some((row, rest)) = costs.split_first() else {
            return 0.0;
        };
        let mut best = none + least(rest, none, taken);
        for (column, cost) in row.iter().enumerate() {
            if !taken[column] && *cost <= none {
                taken[column] = true;
                best = best.min(cost + least(rest, none, taken));
                taken[column] = false;
            }
        }
        best
    }

    #[test]
    fn no_other_assignment_is_cheaper() {
        let mut state = 7_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let mut assignment = Assignment::default();
        for round in 0..400 {
            let (rows, columns) = (round % 6, (round / 6) % 7);
            let costs: Vec<Vec<f32>> = (0..rows)
                .map(|_| (0..columns).map(|_| random()).collect())
                .collect();
            let none = 0.6;
            let found = assignment.solve(rows, columns, none, |r, c| costs[r][c]);
            let sum: f32 = found
                .iter()
                .enumerate()
                .map(|(row, column)| column.map_or(none, |column| costs[row][column]))
                .sum();
            let mut columns_used: Vec<usize> = found.iter().flatten().copied().collect();
            columns_used.sort_unstable();
            columns_used.dedup();
            assert_eq!(columns_used.len(), found.iter().flatten().count());
            let best = least(&costs, none, &mut vec![false; columns]);
            assert!((sum - best).abs() < 1e-5, "{sum} is not {best}: {costs:?}");
        }
    }

    #[test]
    fn a_dear_pair_is_not_made() {
        assert_eq!(solve(&[&[0.2, 0.9], &[0.1, 5.0]], 1.0), [Some(1), Some(0)]);
        assert_eq!(solve(&[&[3.0]], 1.0), [None]);
        assert!(solve(&[], 1.0).is_empty());
    }
}
