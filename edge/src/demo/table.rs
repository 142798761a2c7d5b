//! What the demo prints.

use std::io::{self, Write};

use serde::Serialize;
use unmask_shared::verdict::Verdict;

use crate::console::style::{Style, time_text, verdict_word};
use crate::error::EdgeError;
use crate::source::synthetic::Act;

use super::DemoOptions;
use super::judge::{Judgement, Totals, act_text};
use super::show::News;

pub(super) fn introduce(
    style: &Style,
    options: &DemoOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(
        out,
        "{}",
        style.bold("unmask: synthetic people in front of two cameras")
    )?;
    writeln!(
        out,
        "Nobody here exists. Half of them wear somebody else's face. (seed {}, {} s)\n",
        options.seed, options.seconds
    )
}

pub(super) fn news(style: &Style, news: &News, out: &mut dyn Write) -> io::Result<()> {
    let who = news.appearance.number + 1;
    let place = if news.appearance.place == 0 {
        "left"
    } else {
        "right"
    };
    let score = news.score.map_or_else(String::new, |s| format!("{s:.2}"));
    let truth = match (news.verdict, news.swapped) {
        (Verdict::Manipulated, true) => style.green("right, the face is swapped"),
        (Verdict::Genuine, false) => style.green("right, nobody touched this face"),
        (Verdict::Manipulated, false) => style.red("wrong, nobody touched this face"),
        (Verdict::Genuine, true) => style.red("wrong, the face is swapped"),
        (Verdict::Undecided, _) => String::new(),
    };
    let time = style.dim(&time_text(news.time_us));
    let word = verdict_word(style, news.verdict);
    writeln!(
        out,
        "{time}  person {who:<2} {place:<5}  {word}  {score}   {truth}"
    )
}

pub(super) fn summary(
    style: &Style,
    judgements: &[Judgement],
    totals: &Totals,
    out: &mut dyn Write,
) -> io::Result<()> {
    let head = "person  where  what happened   verdict      score  after    right?";
    writeln!(out, "\n{}", style.bold(head))?;
    for judgement in judgements {
        let score = judgement
            .score
            .map_or_else(|| "-".into(), |s| format!("{s:.2}"));
        let after = match judgement.seconds_to_verdict() {
            Some(seconds) => format!("{seconds:.1} s"),
            None => "-".into(),
        };
        let right = match judgement.is_right() {
            Some(true) => style.green("yes"),
            Some(false) if judgement.act == Act::Genuine => style.red("NO, false alarm"),
            Some(false) if judgement.false_alarm => style.red("NO, flagged too early"),
            Some(false) => style.red("NO, missed"),
            None => style.yellow("no verdict yet"),
        };
        writeln!(
            out,
            "{:<6}  {:<5}  {:<14}  {}  {score:<5}  {after:<7}  {right}",
            judgement.person,
            judgement.place,
            act_text(judgement.act),
            verdict_word(style, judgement.verdict),
        )?;
    }
    writeln!(out)?;
    self::totals(style, totals, out)
}

pub(super) fn seed_line(
    style: &Style,
    seed: u64,
    totals: &Totals,
    out: &mut dyn Write,
) -> io::Result<()> {
    let alarms = format!(
        "{} of {} genuine flagged",
        totals.genuine_flagged, totals.genuine
    );
    let alarms = if totals.genuine_flagged > 0 {
        style.red(&alarms)
    } else {
        alarms
    };
    writeln!(
        out,
        "seed {seed:<5} {} of {} swaps flagged, {alarms}, {} cleared",
        totals.swaps_flagged, totals.swaps, totals.genuine_cleared
    )
}

pub(super) fn totals(style: &Style, totals: &Totals, out: &mut dyn Write) -> io::Result<()> {
    let line = format!(
        "{} of {} swapped faces flagged, {} of {} genuine people flagged, {} cleared",
        totals.swaps_flagged,
        totals.swaps,
        totals.genuine_flagged,
        totals.genuine,
        totals.genuine_cleared
    );
    writeln!(out, "{}", style.bold(&line))?;
    if totals.flagged_early > 0 {
        writeln!(
            out,
            "{} flagged before their face was swapped",
            totals.flagged_early
        )?;
    }
    if totals.unseen > 0 {
        writeln!(out, "{} were not found by the face finder", totals.unseen)?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Json<'a> {
    seed: u64,
    seeds: u32,
    seconds: u32,
    totals: &'a Totals,
    #[serde(skip_serializing_if = "Option::is_none")]
    people: Option<&'a [Judgement]>,
}

pub(super) fn json(
    options: &DemoOptions,
    people: Option<&[Judgement]>,
    totals: &Totals,
    out: &mut dyn Write,
) -> Result<(), EdgeError> {
    let json = Json {
        seed: options.seed,
        seeds: options.seeds,
        seconds: options.seconds,
        totals,
        people,
    };
    serde_json::to_writer(&mut *out, &json)?;
    Ok(writeln!(out)?)
}
