// The size of a browser's window, as a flag of the browser itself. puppeteer's own `setViewport` is not used: over
// WebDriver BiDi it sends `emulation.setScreenOrientationOverride`, which Firefox ESR 140 does not know.

export const WIDTH = 1280;
export const HEIGHT = 900;
