//! What became of a day, and whether that is as it should be.

/// What became of a day.
#[derive(Debug, Default)]
pub struct Report {
    pub events: u64,
    pub events_logged: u64,
    pub events_lost: u64,
    pub events_heard: u64,
    pub log_faults: u64,
    pub log_entries: u64,
    pub log_fault: Option<String>,
    pub camera_faults: u64,
    pub hangs: u64,
    pub stalls: u64,
    pub pin_errors: u64,
    pub line_faults: u64,
    pub alarms: u64,
    pub fakes_seen: u64,
}

impl Report {
    pub fn check(&self) {
        assert!(self.events > 100 && self.alarms > 10, "{self:?}");
        assert_eq!(self.events, self.events_logged + self.events_lost);
        assert_eq!(self.log_fault, None, "the log is damaged");
        // An error leaves open whether the entry is in the log.
        let sure = self.events_logged..=self.events;
        assert!(sure.contains(&self.log_entries), "{self:?}");
        assert!(self.log_faults > 0 && self.events_lost < self.events / 10);
        assert_eq!(
            self.stalls, self.hangs,
            "every hang is a stall, nothing else is"
        );
        assert!(self.hangs > 0 && self.camera_faults > 0);
        assert!(self.pin_errors > 0 && self.line_faults > 0);
        assert!(self.events_heard > self.events / 2);
    }
}
