// Which browser this is, asked the way the published SDK answers. Prefer testing for the feature itself.

const agent = () => navigator.userAgent;

export const Browser = Object.freeze({
  isIE: () => false,
  isEdge: () => false,
  isFirefox: () => /Firefox\//.test(agent()),
  isChrome: () => /Chrome\//.test(agent()) && /Google Inc/.test(navigator.vendor) && !/OPR\//.test(agent()),
  isChromiumEdge: () => /Chrome\//.test(agent()) && /Edg/.test(agent()),
  isOpera: () => /OPR\//.test(agent()),
  isSafari: () => /safari|applewebkit/i.test(agent()) && !/chrome|android/i.test(agent()),
  isSafariWebRTC: () => Boolean(navigator.mediaDevices) && Browser.isSafari(),
  isiOS: () => /iPad|iPhone|iPod/.test(agent()),
  isAndroid: () => /android/i.test(agent()),
  isAndroidFirefox: () => Browser.isAndroid() && Browser.isFirefox(),
  isSamsungBrowser: () => /SamsungBrowser/i.test(agent()),
  /** @returns {string} the major version, "0" if unknown */
  version: () => /(?:Version|OPR|Edg|SamsungBrowser|Chrome|Firefox)\/(\d+)/.exec(agent())?.[1] ?? '0',
});
