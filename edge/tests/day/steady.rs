//! Nothing is allocated while nothing happens.

use std::sync::Arc;
use std::time::Duration;

use alloc_tracker::Session;
use embedded_hal::digital::{ErrorType, OutputPin};
use unmask_edge::alarm::{AlarmConfig, Driver};
use unmask_edge::clock::{Clock, SimulatedClock};
use unmask_edge::serial::{Port, PortOpener, Writer};
use unmask_edge::service::{Notifier, Outputs, ServiceConfig};
use unmask_shared::signal::Signal;
use unmask_shared::{Calibration, Quality, SequentialTest, Verdict, VerdictConfig};

use crate::ALONE;

struct NoPin;

impl ErrorType for NoPin {
    type Error = std::convert::Infallible;
}

impl OutputPin for NoPin {
    fn set_low(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

struct NoLine;

impl PortOpener for NoLine {
    fn open(&mut self) -> std::io::Result<Box<dyn Port>> {
        Ok(Box::new(Self))
    }

    fn name(&self) -> String {
        String::new()
    }
}

impl Port for NoLine {
    fn write_all(&mut self, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn from_verdict_to_pin_and_line_no_frame_allocates() {
    let _alone = ALONE.lock();
    let clock = Arc::new(SimulatedClock::default());
    let config = ServiceConfig::default();
    let outputs = Outputs::open(&config, Notifier::default(), clock.clone());
    let mut outputs = outputs.expect("defaults are valid");
    let beacon = outputs.beacon();
    let mut driver = Driver::new(NoPin, AlarmConfig::default(), clock.now());
    let mut writer = Writer::new(NoLine, config.serial.beat());
    let test = SequentialTest::new(VerdictConfig::default(), Calibration::default());
    let mut people = vec![test.expect("defaults are valid"); 4];
    let quality = Quality {
        sharpness: 20.0,
        luma: 0.5,
        face_px: 120.0,
        turn_deg: 0.0,
        pitch_deg: 0.0,
        contrast: 0.2,
    };
    let mut frame = |logit: f32| {
        for person in &mut people {
            person.push(logit, &quality);
        }
        outputs.frame(people.iter().map(SequentialTest::verdict), false);
        let (sight, now) = (beacon.look(), clock.now());
        driver.step(sight.signal, now);
        writer.poll(sight.signal, 0, now);
        clock.advance(Duration::from_micros(33_333));
        sight.signal
    };
    let session = Session::new().no_stdout().no_file();
    let operation = session.operation("frame");
    frame(-2.0);
    let mut shown = Signal::Safe;
    {
        let _span = operation.measure_thread().iterations(10_000);
        for _ in 0..5000 {
            frame(-2.0);
        }
        // Changes of what is shown do not allocate either.
        for _ in 0..5000 {
            shown = frame(2.0);
        }
    }
    assert_eq!(shown, Signal::Manipulated);
    assert!(
        people
            .iter()
            .all(|person| person.verdict() == Verdict::Manipulated)
    );
    let report = session.to_report();
    let (_, frames) = report.operations().next().expect("measured");
    assert_eq!(frames.total_iterations(), 10_000);
    assert_eq!(frames.total_allocations_count(), 0, "allocations");

    // The count counts.
    let control = session.operation("control");
    {
        let _span = control.measure_thread().iterations(1);
        std::hint::black_box(vec![1_u8; 100]);
    }
    let report = session.to_report();
    let control = report.operations().find(|(name, _)| *name == "control");
    assert_eq!(control.map(|(_, op)| op.total_allocations_count()), Some(1));
}
