"""A SIP phone under the command of a test: pjsua2, with a tone as its microphone, recording what it hears.

argv:   one JSON object, the phone's settings (`Settings` below)
stdin:  one JSON command a line: {"id": 1, "command": "hold", "call": 0}
stdout: one JSON answer a line:  {"id": 1, "ok": value} or {"id": 1, "error": "text"}
        one JSON event a line:   {"event": "state", "call": 0, ...}, in the order in which things happen
The end of stdin ends the phone. Its log, with every SIP message, goes to `pjsua.log` in its folder.
"""

import json
import os
import select
import sys

# The library writes to stdout, too. Its words go to stderr, so that stdout holds whole lines of JSON alone.
_lines = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import pjsua2 as pj  # noqa: E402


def say(**fields):
    _lines.write(json.dumps(fields) + "\n")
    _lines.flush()


class Settings:
    """What the test says about the phone. Each name is a key of the JSON object."""

    def __init__(self, given):
        self.user = given["user"]
        self.password = given["password"]
        self.address = given["address"]  # the address it listens on
        self.port = given["port"]  # SIP, UDP and TCP
        self.rtp_port = given["rtp_port"]  # the first of `rtp_ports`
        self.rtp_ports = given["rtp_ports"]
        self.registrar = given["registrar"]  # "host:port", or null: it registers nowhere
        self.transport = given["transport"]  # "udp" or "tcp"
        self.codecs = given["codecs"]  # e.g. ["PCMU/8000"], in order of preference
        self.tone = given["tone"]  # a WAV file
        self.folder = given["folder"]
        self.answers = given["answers"]  # the status it answers a call with by itself, or null
        self.reliable = given["reliable"]  # 100rel: "off", "optional", "required"
        self.timers = given["timers"]  # session timers: "off", "optional", "required", "always"
        self.session_expires = given["session_expires"]
        self.min_se = given["min_se"]


RELIABLE = {
    "off": pj.PJSUA_100REL_NOT_USED,
    "optional": pj.PJSUA_100REL_OPTIONAL,
    "required": pj.PJSUA_100REL_MANDATORY,
}
TIMERS = {
    "off": pj.PJSUA_SIP_TIMER_INACTIVE,
    "optional": pj.PJSUA_SIP_TIMER_OPTIONAL,
    "required": pj.PJSUA_SIP_TIMER_REQUIRED,
    "always": pj.PJSUA_SIP_TIMER_ALWAYS,
}
MEDIA = {
    pj.PJSUA_CALL_MEDIA_NONE: "none",
    pj.PJSUA_CALL_MEDIA_ACTIVE: "active",
    pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "local hold",
    pj.PJSUA_CALL_MEDIA_REMOTE_HOLD: "remote hold",
    pj.PJSUA_CALL_MEDIA_ERROR: "error",
}
DIGITS = {"info": pj.PJSUA_DTMF_METHOD_SIP_INFO, "rfc4733": pj.PJSUA_DTMF_METHOD_RFC2833}
PACE_MS = 10


class Call(pj.Call):
    """One call. Its recording begins with its first sound and is `heard-<call>.wav`."""

    def __init__(self, phone, call_id=pj.PJSUA_INVALID_ID):
        super().__init__(phone.account, call_id)
        self.phone = phone
        self.recorder = None
        self.music = False  # whether its tone goes on while it holds

    def onCallState(self, prm):
        info = self.getInfo()
        say(
            event="state",
            call=info.id,
            state=info.stateText,
            status=info.lastStatusCode,
            reason=info.lastReason,
            sip_call_id=info.callIdString,
        )
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.recorder = None
            self.phone.ended.append(info.id)

    def onCallMediaState(self, prm):
        info = self.getInfo()
        for index, media in enumerate(info.media):
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            codec = None
            if media.status in (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD):
                codec = self.getStreamInfo(index).codecName
                sound = self.getAudioMedia(index)
                if self.recorder is None:
                    self.recorder = pj.AudioMediaRecorder()
                    path = os.path.join(self.phone.settings.folder, f"heard-{info.id}.wav")
                    self.recorder.createRecorder(path)
                self.phone.player.startTransmit(sound)
                sound.startTransmit(self.recorder)
            elif media.status == pj.PJSUA_CALL_MEDIA_LOCAL_HOLD and self.music:
                self.phone.player.startTransmit(self.getAudioMedia(index))
            directions = {
                (False, False): "inactive",
                (True, False): "sendonly",
                (False, True): "recvonly",
                (True, True): "sendrecv",
            }
            sends = bool(media.dir & pj.PJMEDIA_DIR_ENCODING)
            hears = bool(media.dir & pj.PJMEDIA_DIR_DECODING)
            say(
                event="media",
                call=info.id,
                status=MEDIA.get(media.status, "unknown"),
                direction=directions[sends, hears],
                codec=codec,
            )

    def onDtmfDigit(self, prm):
        method = next((name for name, value in DIGITS.items() if value == prm.method), "unknown")
        say(event="digit", call=self.getId(), digit=prm.digit, method=method)

    def onCallTsxState(self, prm):
        """Every request of the call and its final answer."""
        tsx = prm.e.body.tsxState.tsx
        is_ours = tsx.role == pj.PJSIP_ROLE_UAC
        # An INVITE of ours is never COMPLETED by a 2xx (RFC 3261 section 17.1.1.2).
        accepted = is_ours and tsx.method == "INVITE" and tsx.statusCode // 100 == 2
        over = pj.PJSIP_TSX_STATE_TERMINATED if accepted else pj.PJSIP_TSX_STATE_COMPLETED
        if tsx.state != over:
            return
        whose = "ours" if is_ours else "theirs"
        say(event="request", call=self.getId(), whose=whose, method=tsx.method, status=tsx.statusCode)


class Account(pj.Account):
    def __init__(self, phone):
        super().__init__()
        self.phone = phone

    def onRegState(self, prm):
        say(event="registration", status=prm.code, reason=prm.reason, expires=prm.expiration)

    def onIncomingCall(self, prm):
        call = Call(self.phone, prm.callId)
        self.phone.calls[prm.callId] = call
        info = call.getInfo()
        say(event="incoming", call=info.id, caller=info.remoteUri, sip_call_id=info.callIdString)
        if self.phone.settings.answers is not None:
            self.phone.answer(prm.callId, self.phone.settings.answers)

    def onInstantMessage(self, prm):
        say(event="message", caller=prm.fromUri, content_type=prm.contentType, body=prm.msgBody)


class Phone:
    def __init__(self, settings):
        self.settings = settings
        self.calls = {}
        self.ended = []
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        self.endpoint.libInit(self._endpoint_config())
        self.endpoint.audDevManager().setNullDev()
        for kind in (pj.PJSIP_TRANSPORT_UDP, pj.PJSIP_TRANSPORT_TCP):
            transport = pj.TransportConfig()
            transport.port = settings.port
            transport.boundAddress = settings.address
            self.endpoint.transportCreate(kind, transport)
        self.endpoint.libStart()
        for codec in self.endpoint.codecEnum2():
            wanted = [codec.codecId.startswith(name) for name in settings.codecs]
            priority = 200 - wanted.index(True) if True in wanted else 0
            self.endpoint.codecSetPriority(codec.codecId, priority)
        self.player = pj.AudioMediaPlayer()
        self.player.createPlayer(settings.tone)
        self.account = Account(self)
        self.account.create(self._account_config())

    def _endpoint_config(self):
        config = pj.EpConfig()
        config.uaConfig.userAgent = "pjsua2"
        # Everything happens on this thread, when `libHandleEvents` is called.
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.logConfig.level = 5
        config.logConfig.consoleLevel = 0
        config.logConfig.msgLogging = 1
        config.logConfig.filename = os.path.join(self.settings.folder, "pjsua.log")
        # A tone is no speech, and nothing that it plays comes back to it.
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        return config

    def _account_config(self):
        settings = self.settings
        config = pj.AccountConfig()
        parameters = ";transport=tcp" if settings.transport == "tcp" else ""
        here = f"{settings.address}:{settings.port}"
        config.idUri = f"<sip:{settings.user}@{settings.registrar or here}>"
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", settings.user, 0, settings.password))
        if settings.registrar is not None:
            config.regConfig.registrarUri = f"sip:{settings.registrar}{parameters}"
            config.sipConfig.proxies.append(f"sip:{settings.registrar};lr{parameters}")
        config.callConfig.prackUse = RELIABLE[settings.reliable]
        config.callConfig.timerUse = TIMERS[settings.timers]
        config.callConfig.timerSessExpiresSec = settings.session_expires
        config.callConfig.timerMinSESec = settings.min_se
        rtp = config.mediaConfig.transportConfig
        rtp.boundAddress = settings.address
        rtp.port = settings.rtp_port
        rtp.portRange = settings.rtp_ports
        # The contact and the addresses in SDP are those that it is told, not those that others see.
        config.natConfig.contactRewriteUse = 0
        config.natConfig.viaRewriteUse = 0
        config.natConfig.sdpNatRewriteUse = 0
        return config

    # The commands. `call` is the number that an event named.

    def dial(self, uri):
        call = Call(self)
        call.makeCall(uri, pj.CallOpParam(True))
        self.calls[call.getId()] = call
        return call.getId()

    def answer(self, call, status=200):
        parameters = pj.CallOpParam()
        parameters.statusCode = status
        self.calls[call].answer(parameters)

    def hang_up(self, call, status=0):
        parameters = pj.CallOpParam()
        parameters.statusCode = status
        self.calls[call].hangup(parameters)

    def hold(self, call, music=False):
        self.calls[call].music = music
        self.calls[call].setHold(pj.CallOpParam(True))

    def unhold(self, call):
        parameters = pj.CallOpParam(True)
        parameters.opt.flag |= pj.PJSUA_CALL_UNHOLD
        self.calls[call].reinvite(parameters)

    def reinvite(self, call, fresh_ports=False):
        parameters = pj.CallOpParam(True)
        if fresh_ports:
            parameters.opt.flag |= pj.PJSUA_CALL_REINIT_MEDIA
        self.calls[call].reinvite(parameters)

    def update(self, call):
        self.calls[call].update(pj.CallOpParam(True))

    def prefer(self, codecs):
        for place, name in enumerate(codecs):
            self.endpoint.codecSetPriority(name, 200 - place)

    def received(self, call):
        return self.calls[call].getStreamStat(0).rtcp.rxStat.pkt

    def press(self, call, digits, method):
        parameters = pj.CallSendDtmfParam()
        parameters.digits = digits
        parameters.method = DIGITS[method]
        self.calls[call].sendDtmf(parameters)

    def request(self, call, method, content_type, body):
        parameters = pj.CallSendRequestParam()
        parameters.method = method
        parameters.txOption.contentType = content_type
        parameters.txOption.msgBody = body
        self.calls[call].sendRequest(parameters)

    def run(self):
        say(event="ready")
        pending = b""
        while True:
            self.endpoint.libHandleEvents(PACE_MS)
            for call in self.ended:
                self.calls.pop(call, None)
            self.ended.clear()
            if not select.select([0], [], [], 0)[0]:
                continue
            read = os.read(0, 65536)
            if not read:
                return
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                self.carry_out(json.loads(line))

    def carry_out(self, order):
        number, name = order.pop("id"), order.pop("command")
        try:
            say(id=number, ok=getattr(self, name)(**order))
        except Exception as error:  # the library's and ours alike: the test decides
            text = error.reason if isinstance(error, pj.Error) else repr(error)
            say(id=number, error=text)


def main():
    phone = Phone(Settings(json.loads(sys.argv[1])))
    phone.run()
    # Without a word to anyone: the test has ended. A destructor that runs after the library's end would crash.
    os._exit(0)


main()
