//! Pictures by which each direction of a call is known: a plain colour with a bar that moves across it.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use rand::seq::IndexedRandom as _;

/// How far, per channel, the mean colour of a decoded picture may be from the sender's.
pub const TOLERANCE: f64 = 30.0;

const WIDTH: usize = 176;
const HEIGHT: usize = 144;
/// The width of the moving bar; the page's camera has the same share of its picture.
const BAR: usize = WIDTH / 8;

/// A colour in RGB, 0..=255 each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colour {
    /// Red.
    pub red: f64,
    /// Green.
    pub green: f64,
    /// Blue.
    pub blue: f64,
}

impl Colour {
    /// Two colours that cannot be taken for one another, nor for black, grey or white.
    #[must_use]
    pub fn pick_two() -> (Self, Self) {
        let all = [
            [200, 40, 40],
            [40, 160, 60],
            [50, 70, 200],
            [200, 170, 40],
            [160, 50, 170],
            [40, 160, 170],
        ];
        let mut rng = rand::rng();
        let mut two = all.sample(&mut rng, 2).map(|[r, g, b]| Self {
            red: f64::from(*r),
            green: f64::from(*g),
            blue: f64::from(*b),
        });
        match (two.next(), two.next()) {
            (Some(one), Some(two)) => (one, two),
            _ => unreachable!("six colours hold two"),
        }
    }

    /// `#rrggbb`.
    #[must_use]
    pub fn css(self) -> String {
        format!(
            "#{:02x}{:02x}{:02x}",
            self.red as u8, self.green as u8, self.blue as u8
        )
    }

    /// Whether each channel is within [`TOLERANCE`].
    #[must_use]
    pub fn is_near(self, other: Self) -> bool {
        let differences = [
            self.red - other.red,
            self.green - other.green,
            self.blue - other.blue,
        ];
        differences
            .iter()
            .all(|difference| difference.abs() <= TOLERANCE)
    }

    /// BT.601, studio range: what an encoder takes for a small picture.
    fn yuv(self) -> [u8; 3] {
        let (r, g, b) = (self.red / 255.0, self.green / 255.0, self.blue / 255.0);
        let y = 16.0 + 65.481 * r + 128.553 * g + 24.966 * b;
        let u = 128.0 - 37.797 * r - 74.203 * g + 112.0 * b;
        let v = 128.0 + 112.0 * r - 93.786 * g - 18.214 * b;
        [y, u, v].map(|value| value.round().clamp(0.0, 255.0) as u8)
    }
}

/// Writes a film (uncompressed, `.y4m`) of `colour` with a darker bar that moves by four pixels a frame.
pub fn write_film(
    path: &Path,
    colour: Colour,
    frames_per_second: usize,
    seconds: usize,
) -> Result<()> {
    let file =
        std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = std::io::BufWriter::new(file);
    writeln!(
        out,
        "YUV4MPEG2 W{WIDTH} H{HEIGHT} F{frames_per_second}:1 Ip A1:1 C420jpeg"
    )?;
    let [y, u, v] = colour.yuv();
    let chroma = WIDTH * HEIGHT / 4;
    for n in 0..frames_per_second * seconds {
        let mut row = [y; WIDTH];
        for x in 0..BAR {
            row[(n * 4 + x) % WIDTH] = y - y / 4;
        }
        out.write_all(b"FRAME\n")?;
        out.write_all(&row.repeat(HEIGHT))?;
        out.write_all(&vec![u; chroma])?;
        out.write_all(&vec![v; chroma])?;
    }
    Ok(out.flush()?)
}

/// A decoded still picture: its mean colour, and its pixels for comparing it to the next.
#[derive(Debug, Clone)]
pub struct Still {
    /// Mean over all pixels.
    pub mean: Colour,
    /// 32 x 24 pixels, RGB.
    pub pixels: Vec<u8>,
}

impl Still {
    /// Reads a PNG file by ffmpeg, scaled to 32 x 24.
    pub fn read(path: &Path) -> Result<Self> {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-i"]).arg(path);
        ffmpeg.args([
            "-vf",
            "scale=32:24:flags=area",
            "-frames:v",
            "1",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-",
        ]);
        let output = ffmpeg.output().context("cannot start ffmpeg")?;
        if output.stdout.len() != 32 * 24 * 3 {
            bail!(
                "{} is no picture: {}",
                path.display(),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let sum = |channel: usize| -> f64 {
            output
                .stdout
                .iter()
                .skip(channel)
                .step_by(3)
                .map(|value| f64::from(*value))
                .sum()
        };
        let [red, green, blue] = [0, 1, 2].map(|channel| sum(channel) / (32.0 * 24.0));
        Ok(Self {
            mean: Colour { red, green, blue },
            pixels: output.stdout,
        })
    }

    /// The mean difference per channel and pixel: 0 for the same picture.
    #[must_use]
    pub fn difference(&self, other: &Self) -> f64 {
        let pairs = self.pixels.iter().zip(&other.pixels);
        pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / self.pixels.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_colours_differ_by_more_than_the_tolerance_allows() {
        for _ in 0..200 {
            let (one, two) = Colour::pick_two();
            let black = Colour {
                red: 0.0,
                green: 0.0,
                blue: 0.0,
            };
            assert!(!one.is_near(two) && !one.is_near(black), "{one:?} {two:?}");
        }
    }

    #[test]
    fn a_film_shows_its_colour_and_moves() {
        let folder = crate::folder::Folder::new().unwrap();
        let film = folder.path().join("film.y4m");
        let (colour, _) = Colour::pick_two();
        write_film(&film, colour, 10, 1).unwrap();
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(&film)
            .arg(folder.path().join("%d.png"));
        assert!(ffmpeg.status().unwrap().success());
        let stills =
            [1, 2, 5].map(|n| Still::read(&folder.path().join(format!("{n}.png"))).unwrap());
        for still in &stills {
            assert!(
                still.mean.is_near(colour),
                "{colour:?} became {:?}",
                still.mean
            );
        }
        assert!(
            stills[0].difference(&stills[2]) > 1.0,
            "{}",
            stills[0].difference(&stills[2])
        );
        assert!(stills[0].difference(&stills[0]) == 0.0);
    }
}
