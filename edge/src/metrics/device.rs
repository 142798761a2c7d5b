//! What is counted of the device: alarm, event log, broker, page.

use prometheus_client::metrics::family::Family;
use unmask_shared::signal::Signal;

use super::labels::{StateLabel, Which, Why};
use super::observer::signal_name;
use super::registrar::{Count, GaugeF64, Registrar, raise};

/// The queues that drop what does not fit.
const QUEUES: [&str; 3] = ["serial", "mqtt", "web"];

/// Alarm, event log, broker and page; copies are the same.
#[derive(Clone, Debug)]
pub struct DeviceMetrics {
    /// `unmask_alarm_state`: 1 for what is shown, 0 for all else.
    pub state: Family<StateLabel, GaugeF64>,
    /// `unmask_alarms_total`: alarms.
    pub alarms: Count,
    /// `unmask_alarm_acknowledged`: 1 once somebody noticed the newest one.
    pub acknowledged: GaugeF64,
    /// `unmask_alarm_pin_failed`: 1 while the pin cannot be set.
    pub pin_failed: GaugeF64,
    /// `unmask_pipeline_stalls_total`: times that the pipeline hung.
    pub stalls: Count,
    /// `unmask_pipeline_hung`: 1 while it hangs.
    pub hung: GaugeF64,
    /// `unmask_log_entries`: entries in the event log.
    pub log_entries: GaugeF64,
    /// `unmask_log_up`: 1 while the event log can be written, or there is none.
    pub log_up: GaugeF64,
    /// `unmask_log_write_failures_total`: events that were not logged.
    pub log_failures: Count,
    /// `unmask_queue_dropped_total`: what did not fit into a queue.
    pub queue_dropped: Family<Which, Count>,
    /// `unmask_mqtt_connected`: 1 while the broker is connected.
    pub mqtt_connected: GaugeF64,
    /// `unmask_mqtt_connects_total`: times that the broker was connected.
    pub mqtt_connects: Count,
    /// `unmask_mqtt_ignored_total`: messages on our topics that are none of ours.
    pub mqtt_ignored: Count,
    /// `unmask_web_connections`: open connections of the live page.
    pub web_connections: GaugeF64,
    /// `unmask_web_refused_total`: requests and connections that were refused.
    pub web_refused: Family<Why, Count>,
}

impl DeviceMetrics {
    pub(super) fn register(r: &mut Registrar<'_>) -> Self {
        let set = Self {
            state: r.add("alarm_state", "1 for what is shown, 0 for all else"),
            alarms: r.add("alarms", "Alarms"),
            acknowledged: r.add(
                "alarm_acknowledged",
                "1 once somebody noticed the newest alarm",
            ),
            pin_failed: r.add("alarm_pin_failed", "1 while the alarm's pin cannot be set"),
            stalls: r.add("pipeline_stalls", "Times that the pipeline hung"),
            hung: r.add("pipeline_hung", "1 while the pipeline hangs"),
            log_entries: r.add("log_entries", "Entries in the event log"),
            log_up: r.add("log_up", "0 while the event log cannot be written"),
            log_failures: r.add("log_write_failures", "Events that were not logged"),
            queue_dropped: r.add("queue_dropped", "Messages that did not fit into a queue"),
            mqtt_connected: r.add("mqtt_connected", "1 while the message broker is connected"),
            mqtt_connects: r.add(
                "mqtt_connects",
                "Times that the message broker was connected",
            ),
            mqtt_ignored: r.add(
                "mqtt_ignored",
                "Messages on the device's topics that mean nothing",
            ),
            web_connections: r.add("web_connections", "Open connections of the live page"),
            web_refused: r.add("web_refused", "Requests and connections that were refused"),
        };
        set.log_up.set(1.0);
        for name in QUEUES {
            set.queue_dropped.get_or_create(&Which { name }).inc_by(0);
        }
        set
    }

    /// This is shown from now on.
    pub fn show(&self, shown: Signal) {
        for signal in Signal::ALL {
            let state = StateLabel {
                state: signal_name(signal),
            };
            let is_shown = f64::from(u8::from(signal == shown));
            self.state.get_or_create(&state).set(is_shown);
        }
    }

    /// A request or connection of the live page was refused.
    pub fn refused(&self, reason: &'static str) {
        self.web_refused.get_or_create(&Why { reason }).inc();
    }

    /// So much did not fit into a queue so far.
    pub fn dropped_so_far(&self, name: &'static str, count: u64) {
        raise(&self.queue_dropped.get_or_create(&Which { name }), count);
    }
}
