use super::*;

const RATE: u32 = 48_000;
const HEARD: Tone = Tone { hertz: 1000.0 };
const OWN: Tone = Tone { hertz: 1570.0 };

fn mixed(parts: &[(Tone, f64)], seconds: f64) -> Recording {
    let mut sum = Recording {
        rate: RATE,
        samples: vec![0.0; (seconds * f64::from(RATE)) as usize],
    };
    for (tone, level) in parts {
        for (into, from) in sum
            .samples
            .iter_mut()
            .zip(tone.sound(RATE, seconds, *level).samples)
        {
            *into += from;
        }
    }
    sum
}

/// White noise from a small fixed generator.
fn with_noise(mut recording: Recording, level: f32) -> Recording {
    let mut state = 1u32;
    for sample in &mut recording.samples {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample += level * ((state >> 8) as f32 / 8_388_608.0 - 1.0);
    }
    recording
}

fn mute(recording: &mut Recording, from: f64, to: f64) {
    let index = |seconds: f64| (seconds * f64::from(RATE)) as usize;
    recording.samples[index(from)..index(to)].fill(0.0);
}

#[test]
fn a_clear_tone_is_heard() {
    let stretch = check_heard(&with_noise(mixed(&[(HEARD, 0.3)], 3.0), 0.02), HEARD, OWN).unwrap();
    assert!(stretch.seconds() > 2.9, "{stretch:?}");
}

#[test]
fn noise_at_ten_decibels_below_is_not_clear() {
    assert!(check_heard(&with_noise(mixed(&[(HEARD, 0.3)], 3.0), 0.12), HEARD, OWN).is_err());
}

#[test]
fn silence_and_another_tone_are_not_heard() {
    assert!(check_heard(&mixed(&[], 3.0), HEARD, OWN).is_err());
    assert!(check_heard(&mixed(&[(Tone { hertz: 1050.0 }, 0.3)], 3.0), HEARD, OWN).is_err());
    assert!(
        check_heard(&mixed(&[(HEARD, 0.001)], 3.0), HEARD, OWN).is_err(),
        "too faint"
    );
}

#[test]
fn a_gap_of_50_ms_is_borne_and_one_of_80_ms_is_not() {
    let mut recording = mixed(&[(HEARD, 0.3)], 3.6);
    mute(&mut recording, 1.8, 1.85);
    check_heard(&recording, HEARD, OWN).unwrap();
    mute(&mut recording, 1.8, 1.88);
    let text = check_heard(&recording, HEARD, OWN).unwrap_err();
    assert!(text.contains("2 stretches"), "{text}");
}

#[test]
fn ones_own_tone_is_found_28_decibels_below() {
    let text = check_heard(&mixed(&[(HEARD, 0.3), (OWN, 0.012)], 3.0), HEARD, OWN).unwrap_err();
    assert!(text.contains("own tone"), "{text}");
    check_heard(&mixed(&[(HEARD, 0.3), (OWN, 0.003)], 3.0), HEARD, OWN).unwrap();
}

#[test]
fn the_fake_beep_is_found() {
    let mut beeps = mixed(&[(crate::tone::FAKE_BEEP, 0.2)], 3.0);
    for n in 0..6 {
        mute(
            &mut beeps,
            f64::from(n) * 0.5 + 0.02,
            f64::from(n) * 0.5 + 0.5,
        );
    }
    let mut recording = mixed(&[(HEARD, 0.3)], 3.0);
    for (into, from) in recording.samples.iter_mut().zip(&beeps.samples) {
        *into += from;
    }
    let text = check_heard(&recording, HEARD, OWN).unwrap_err();
    assert!(text.contains("fake beep"), "{text}");
}

#[test]
fn silence_is_measured() {
    let mut recording = mixed(&[(HEARD, 0.3)], 4.0);
    mute(&mut recording, 1.0, 2.5);
    let silence = longest_silence(&recording);
    assert!(
        (silence.from - 1.0).abs() < 0.03 && (silence.to - 2.5).abs() < 0.03,
        "{silence:?}"
    );
    assert!(longest_silence(&mixed(&[(HEARD, 0.3)], 1.0)).seconds() < 0.03);
}
