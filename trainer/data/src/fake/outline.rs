//! Convex outlines and what lies inside them.

use unmask_shared::geometry::Point;

/// Upright bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub(super) low: Point,
    pub(super) high: Point,
}

impl Bounds {
    /// Of some points; inside out when there is none.
    pub(super) fn of(points: impl IntoIterator<Item = Point>) -> Self {
        let start = Self {
            low: Point {
                x: f32::INFINITY,
                y: f32::INFINITY,
            },
            high: Point {
                x: f32::NEG_INFINITY,
                y: f32::NEG_INFINITY,
            },
        };
        points.into_iter().fold(start, |bounds, point| Self {
            low: Point {
                x: bounds.low.x.min(point.x),
                y: bounds.low.y.min(point.y),
            },
            high: Point {
                x: bounds.high.x.max(point.x),
                y: bounds.high.y.max(point.y),
            },
        })
    }

    /// As much wider on every side.
    pub(super) fn grown(self, margin: f32) -> Self {
        Self {
            low: Point {
                x: self.low.x - margin,
                y: self.low.y - margin,
            },
            high: Point {
                x: self.high.x + margin,
                y: self.high.y + margin,
            },
        }
    }

    #[inline]
    pub(super) fn contains(&self, point: Point) -> bool {
        (self.low.x..=self.high.x).contains(&point.x)
            && (self.low.y..=self.high.y).contains(&point.y)
    }

    /// The corners, in order around.
    pub(super) fn corners(&self) -> [Point; 4] {
        let Self { low, high } = *self;
        [
            low,
            Point {
                x: high.x,
                y: low.y,
            },
            high,
            Point {
                x: low.x,
                y: high.y,
            },
        ]
    }

    /// The longer side; 0 when there is no point.
    pub(super) fn longer_side(&self) -> f32 {
        (self.high.x - self.low.x)
            .max(self.high.y - self.low.y)
            .max(0.0)
    }
}

/// The convex hull of some points.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    /// Counter-clockwise in the order of monotone chains.
    points: Vec<Point>,
    /// A little wider than the points, so that rounding cannot exclude one.
    bounds: Bounds,
}

impl Outline {
    /// By Andrew's monotone chain.
    pub(super) fn around(mut points: Vec<Point>) -> Self {
        points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
        let half = |points: &mut dyn Iterator<Item = Point>| {
            let mut chain: Vec<Point> = Vec::new();
            for point in points {
                while chain.len() > 1
                    && cross(chain[chain.len() - 2], chain[chain.len() - 1], point) <= 0.0
                {
                    chain.pop();
                }
                chain.push(point);
            }
            chain.pop();
            chain
        };
        let mut hull = half(&mut points.iter().copied());
        hull.extend(half(&mut points.iter().rev().copied()));
        let bounds = Bounds::of(hull.iter().copied()).grown(0.05);
        Self {
            points: hull,
            bounds,
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Ends of each edge.
    pub(super) fn edges(&self) -> impl Iterator<Item = (Point, Point)> {
        let closing = self
            .points
            .last()
            .copied()
            .zip(self.points.first().copied());
        let along = self.points.windows(2).map(|pair| (pair[0], pair[1]));
        along.chain(closing)
    }

    /// Whether it has an inside at all.
    pub(super) fn is_solid(&self) -> bool {
        self.points.len() > 2
    }

    #[inline]
    pub(super) fn contains(&self, point: Point) -> bool {
        self.is_solid()
            && self.bounds.contains(point)
            && self.edges().all(|(from, to)| cross(from, to, point) >= 0.0)
    }
}

#[inline]
fn cross(a: Point, b: Point, c: Point) -> f32 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hull_of_a_square_drops_the_middle() {
        let square =
            [(0., 0.), (4., 0.), (4., 4.), (0., 4.), (2., 2.)].map(|(x, y)| Point { x, y });
        let hull = Outline::around(square.to_vec());
        assert_eq!(hull.points.len(), 4);
        assert_eq!(hull.edges().count(), 4);
        assert!(hull.contains(Point { x: 1.0, y: 3.0 }));
        assert!(hull.contains(Point { x: 4.0, y: 4.0 }));
        assert!(!hull.contains(Point { x: 5.0, y: 3.0 }));
    }

    #[test]
    fn points_on_a_line_have_no_inside() {
        let line = [(0., 0.), (1., 1.), (2., 2.)].map(|(x, y)| Point { x, y });
        assert!(!Outline::around(line.to_vec()).is_solid());
        assert!(!Outline::around(vec![]).contains(Point::default()));
    }
}
