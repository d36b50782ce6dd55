//! Each row of the four machines, in simulated time: the log is (milliseconds since the start, action).

use std::collections::BTreeMap;
use std::time::Duration;

use super::Action::{
    self, PassUp, SendAck, SendRequest, SendResponse, Terminate, TimedOut, TransportFailed,
};
use super::timer::{Timer, Timers};
use super::{client, client_invite, server, server_invite};

trait Machine {
    type Input: Copy;
    fn fired(timer: Timer) -> Self::Input;
    fn after(&self, timer: Timer) -> Duration;
    fn step(&mut self, input: Self::Input) -> &'static [Action];
}

macro_rules! machine {
    ($module:ident, $name:ident) => {
        impl Machine for $module::$name {
            type Input = $module::Input;
            fn fired(timer: Timer) -> Self::Input {
                $module::Input::Fired(timer)
            }
            fn after(&self, timer: Timer) -> Duration {
                $module::$name::after(self, timer)
            }
            fn step(&mut self, input: Self::Input) -> &'static [Action] {
                $module::$name::step(self, input)
            }
        }
    };
}
machine!(client_invite, ClientInvite);
machine!(client, Client);
machine!(server_invite, ServerInvite);
machine!(server, Server);

/// A machine, a clock that jumps from timer to timer, and what was done when.
struct Bench<M> {
    machine: M,
    now: Duration,
    due: BTreeMap<Timer, Duration>,
    log: Vec<(u128, Action)>,
}

impl<M: Machine> Bench<M> {
    fn new(machine: M) -> Self {
        Self {
            machine,
            now: Duration::ZERO,
            due: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    fn perform(&mut self, actions: &[Action]) {
        for &action in actions {
            match action {
                Action::Start(timer) => {
                    self.due.insert(timer, self.now + self.machine.after(timer));
                }
                Action::Stop(timer) => {
                    self.due.remove(&timer);
                }
                done => self.log.push((self.now.as_millis(), done)),
            }
        }
    }

    fn input(&mut self, input: M::Input) -> &mut Self {
        let actions = self.machine.step(input);
        self.perform(actions);
        self
    }

    /// Lets simulated time pass until `ms` after the start.
    fn until(&mut self, ms: u64) -> &mut Self {
        let end = Duration::from_millis(ms);
        while let Some((&timer, &at)) = self
            .due
            .iter()
            .min_by_key(|(_, at)| **at)
            .filter(|(_, at)| **at <= end)
        {
            self.due.remove(&timer);
            self.now = at;
            self.input(M::fired(timer));
        }
        self.now = end;
        self
    }

    /// What happened since the last look.
    #[track_caller]
    fn saw(&mut self, expected: &[(u128, Action)]) -> &mut Self {
        assert_eq!(std::mem::take(&mut self.log), expected);
        self
    }

    #[track_caller]
    fn over(&mut self) {
        assert_eq!(self.due, BTreeMap::new(), "timers left");
        self.until(200_000).saw(&[]);
    }
}

const F: Duration = Duration::from_secs(32);

fn client_invite(reliable: bool) -> Bench<client_invite::ClientInvite> {
    let mut bench = Bench::new(client_invite::ClientInvite::new(
        reliable,
        Timers::default(),
    ));
    let actions = bench.machine.start();
    bench.perform(actions);
    bench.saw(&[(0, SendRequest)]);
    bench
}

fn client(reliable: bool) -> Bench<client::Client> {
    let mut bench = Bench::new(client::Client::new(reliable, Timers::default(), F));
    let actions = bench.machine.start();
    bench.perform(actions);
    bench.saw(&[(0, SendRequest)]);
    bench
}

fn server_invite(reliable: bool) -> Bench<server_invite::ServerInvite> {
    Bench::new(server_invite::ServerInvite::new(
        reliable,
        Timers::default(),
    ))
}

fn server(reliable: bool) -> Bench<server::Server> {
    Bench::new(server::Server::new(reliable, Timers::default()))
}

mod invite_client {
    use super::client_invite::Input::{Failure, Provisional, Success, TransportError};
    use super::client_invite::State;
    use super::*;

    #[test]
    fn calling_sends_again_at_doubling_intervals_and_times_out_after_64_t1() {
        let mut bench = client_invite(false);
        bench.until(40_000).saw(&[
            (500, SendRequest),
            (1_500, SendRequest),
            (3_500, SendRequest),
            (7_500, SendRequest),
            (15_500, SendRequest),
            (31_500, SendRequest),
            (32_000, TimedOut),
            (32_000, Terminate),
        ]);
        assert_eq!(bench.machine.state(), State::Terminated);
    }

    #[test]
    fn calling_over_a_reliable_transport_sends_once() {
        client_invite(true)
            .until(40_000)
            .saw(&[(32_000, TimedOut), (32_000, Terminate)]);
    }

    #[test]
    fn calling_1xx_stops_retransmission_and_timer_b() {
        let mut bench = client_invite(false);
        bench.until(600).saw(&[(500, SendRequest)]);
        bench.input(Provisional).saw(&[(600, PassUp)]);
        bench.until(100_000).saw(&[]);
        assert_eq!(bench.machine.state(), State::Proceeding);
    }

    #[test]
    fn proceeding_passes_every_1xx_up() {
        client_invite(false)
            .input(Provisional)
            .input(Provisional)
            .saw(&[(0, PassUp), (0, PassUp)])
            .over();
    }

    #[test]
    fn calling_2xx_is_accepted_for_64_t1() {
        let mut bench = client_invite(false);
        bench.until(100).input(Success).saw(&[(100, PassUp)]);
        assert_eq!(bench.machine.state(), State::Accepted);
        bench.until(5_000).input(Success).saw(&[(5_000, PassUp)]);
        bench.until(40_000).saw(&[(32_100, Terminate)]).over();
    }

    #[test]
    fn proceeding_2xx_is_accepted() {
        let mut bench = client_invite(false);
        bench
            .input(Provisional)
            .input(Success)
            .saw(&[(0, PassUp), (0, PassUp)]);
        bench.until(33_000).saw(&[(32_000, Terminate)]).over();
    }

    #[test]
    fn accepted_ignores_1xx_failures_and_transport_errors() {
        let mut bench = client_invite(false);
        bench.input(Success).saw(&[(0, PassUp)]);
        bench
            .input(Provisional)
            .input(Failure)
            .input(TransportError)
            .saw(&[]);
        assert_eq!(bench.machine.state(), State::Accepted);
    }

    #[test]
    fn calling_failure_is_acked_and_passed_up_once() {
        let mut bench = client_invite(false);
        bench
            .until(100)
            .input(Failure)
            .saw(&[(100, SendAck), (100, PassUp)]);
        assert_eq!(bench.machine.state(), State::Completed);
        bench.until(700).input(Failure).saw(&[(700, SendAck)]);
        bench.until(40_000).saw(&[(32_100, Terminate)]).over();
    }

    #[test]
    fn proceeding_failure_is_acked_and_passed_up() {
        client_invite(false)
            .input(Provisional)
            .input(Failure)
            .saw(&[(0, PassUp), (0, SendAck), (0, PassUp)]);
    }

    #[test]
    fn completed_over_a_reliable_transport_ends_at_once() {
        client_invite(true)
            .input(Failure)
            .until(0)
            .saw(&[(0, SendAck), (0, PassUp), (0, Terminate)])
            .over();
    }

    #[test]
    fn completed_passes_a_late_2xx_up_and_ignores_1xx() {
        let mut bench = client_invite(false);
        bench.input(Failure).saw(&[(0, SendAck), (0, PassUp)]);
        bench
            .input(Provisional)
            .saw(&[])
            .input(Success)
            .saw(&[(0, PassUp)]);
    }

    #[test]
    fn transport_errors_end_calling_and_completed_but_not_proceeding() {
        client_invite(false)
            .input(TransportError)
            .saw(&[(0, TransportFailed), (0, Terminate)]);
        client_invite(false)
            .input(Failure)
            .input(TransportError)
            .saw(&[
                (0, SendAck),
                (0, PassUp),
                (0, TransportFailed),
                (0, Terminate),
            ]);
        client_invite(false)
            .input(Provisional)
            .input(TransportError)
            .saw(&[(0, PassUp)]);
    }

    #[test]
    fn terminated_is_deaf() {
        let mut bench = client_invite(true);
        bench
            .input(TransportError)
            .saw(&[(0, TransportFailed), (0, Terminate)]);
        bench
            .input(Provisional)
            .input(Success)
            .input(Failure)
            .input(TransportError)
            .saw(&[]);
    }
}

mod other_client {
    use super::client::Input::{Final, Provisional, TransportError};
    use super::client::State;
    use super::*;

    #[test]
    fn trying_sends_again_up_to_t2_and_times_out_after_64_t1() {
        let mut expected: Vec<(u128, Action)> = vec![
            (500, SendRequest),
            (1_500, SendRequest),
            (3_500, SendRequest),
        ];
        expected.extend((0..7).map(|n| (7_500 + 4_000 * n, SendRequest)));
        expected.extend([(32_000, TimedOut), (32_000, Terminate)]);
        let mut bench = client(false);
        bench.until(60_000).saw(&expected).over();
        assert_eq!(bench.machine.state(), State::Terminated);
    }

    #[test]
    fn trying_over_a_reliable_transport_sends_once() {
        client(true)
            .until(60_000)
            .saw(&[(32_000, TimedOut), (32_000, Terminate)])
            .over();
    }

    #[test]
    fn trying_1xx_slows_retransmission_to_t2() {
        let mut bench = client(false);
        bench.until(100).input(Provisional).saw(&[(100, PassUp)]);
        assert_eq!(bench.machine.state(), State::Proceeding);
        bench.until(9_000).saw(&[
            (500, SendRequest),
            (4_500, SendRequest),
            (8_500, SendRequest),
        ]);
        bench.input(Provisional).saw(&[(9_000, PassUp)]);
    }

    #[test]
    fn proceeding_times_out_with_timer_f() {
        client(true).input(Provisional).until(60_000).saw(&[
            (0, PassUp),
            (32_000, TimedOut),
            (32_000, Terminate),
        ]);
    }

    #[test]
    fn a_final_is_passed_up_once_and_t4_absorbs_its_copies() {
        let mut bench = client(false);
        bench.until(100).input(Final).saw(&[(100, PassUp)]);
        assert_eq!(bench.machine.state(), State::Completed);
        bench
            .input(Final)
            .input(Provisional)
            .input(TransportError)
            .saw(&[]);
        bench.until(6_000).saw(&[(5_100, Terminate)]).over();
    }

    #[test]
    fn proceeding_final_completes() {
        client(false)
            .input(Provisional)
            .input(Final)
            .saw(&[(0, PassUp), (0, PassUp)])
            .until(6_000)
            .saw(&[(5_000, Terminate)]);
    }

    #[test]
    fn completed_over_a_reliable_transport_ends_at_once() {
        client(true)
            .input(Final)
            .until(0)
            .saw(&[(0, PassUp), (0, Terminate)])
            .over();
    }

    #[test]
    fn transport_errors_end_trying_and_proceeding() {
        client(false)
            .input(TransportError)
            .saw(&[(0, TransportFailed), (0, Terminate)]);
        client(false)
            .input(Provisional)
            .input(TransportError)
            .saw(&[(0, PassUp), (0, TransportFailed), (0, Terminate)]);
    }

    #[test]
    fn terminated_is_deaf() {
        let mut bench = client(true);
        bench
            .input(TransportError)
            .saw(&[(0, TransportFailed), (0, Terminate)]);
        bench
            .input(Provisional)
            .input(Final)
            .input(TransportError)
            .saw(&[]);
    }
}

mod invite_server {
    use super::server_invite::Input::{Ack, Failure, Invite, Provisional, Success, TransportError};
    use super::server_invite::State;
    use super::*;

    #[test]
    fn proceeding_sends_what_the_tu_says_and_repeats_it_for_a_repeated_invite() {
        let mut bench = server_invite(false);
        bench
            .input(Provisional)
            .until(500)
            .input(Invite)
            .input(Provisional);
        bench
            .saw(&[(0, SendResponse), (500, SendResponse), (500, SendResponse)])
            .over();
        assert_eq!(bench.machine.state(), State::Proceeding);
    }

    #[test]
    fn a_failure_is_repeated_up_to_t2_until_timer_h() {
        let mut expected: Vec<(u128, Action)> = vec![
            (0, SendResponse),
            (500, SendResponse),
            (1_500, SendResponse),
            (3_500, SendResponse),
        ];
        expected.extend((0..7).map(|n| (7_500 + 4_000 * n, SendResponse)));
        expected.extend([(32_000, TimedOut), (32_000, Terminate)]);
        server_invite(false)
            .input(Failure)
            .until(60_000)
            .saw(&expected)
            .input(Ack)
            .saw(&[]);
    }

    #[test]
    fn a_failure_over_a_reliable_transport_is_sent_once() {
        let expected = [(0, SendResponse), (32_000, TimedOut), (32_000, Terminate)];
        server_invite(true)
            .input(Failure)
            .until(60_000)
            .saw(&expected);
    }

    #[test]
    fn completed_answers_a_repeated_invite() {
        server_invite(false)
            .input(Failure)
            .until(100)
            .input(Invite)
            .saw(&[(0, SendResponse), (100, SendResponse)]);
    }

    #[test]
    fn completed_ack_confirms_and_t4_absorbs_the_rest() {
        let mut bench = server_invite(false);
        bench
            .input(Failure)
            .until(100)
            .input(Ack)
            .saw(&[(0, SendResponse)]);
        assert_eq!(bench.machine.state(), State::Confirmed);
        bench
            .input(Ack)
            .input(Invite)
            .input(Success)
            .input(Failure)
            .input(Provisional)
            .saw(&[]);
        bench.until(6_000).saw(&[(5_100, Terminate)]).over();
    }

    #[test]
    fn confirmed_over_a_reliable_transport_ends_at_once() {
        server_invite(true)
            .input(Failure)
            .input(Ack)
            .until(0)
            .saw(&[(0, SendResponse), (0, Terminate)])
            .over();
    }

    #[test]
    fn a_2xx_is_accepted_for_64_t1_and_absorbs_the_invite() {
        let mut bench = server_invite(false);
        bench.input(Success).saw(&[(0, SendResponse)]);
        assert_eq!(bench.machine.state(), State::Accepted);
        bench
            .until(500)
            .input(Invite)
            .saw(&[])
            .input(Success)
            .saw(&[(500, SendResponse)]);
        bench
            .input(Ack)
            .saw(&[(500, PassUp)])
            .input(Ack)
            .saw(&[(500, PassUp)]);
        bench.until(40_000).saw(&[(32_000, Terminate)]).over();
    }

    #[test]
    fn after_a_2xx_nothing_else_may_be_answered() {
        server_invite(false)
            .input(Success)
            .input(Failure)
            .input(Provisional)
            .saw(&[(0, SendResponse)]);
    }

    #[test]
    fn after_a_failure_nothing_else_may_be_answered() {
        server_invite(false)
            .input(Failure)
            .input(Success)
            .input(Provisional)
            .saw(&[(0, SendResponse)]);
    }

    #[test]
    fn a_transport_error_ends_nothing() {
        let mut bench = server_invite(false);
        bench
            .input(TransportError)
            .input(Success)
            .input(TransportError)
            .saw(&[(0, SendResponse)]);
        assert_eq!(bench.machine.state(), State::Accepted);
    }

    #[test]
    fn proceeding_and_terminated_ignore_an_ack() {
        let mut bench = server_invite(false);
        bench.input(Ack).saw(&[]);
        bench
            .input(Success)
            .until(32_000)
            .saw(&[(0, SendResponse), (32_000, Terminate)]);
        bench
            .input(Ack)
            .input(Invite)
            .input(Provisional)
            .input(Success)
            .input(Failure)
            .saw(&[]);
    }
}

mod other_server {
    use super::server::Input::{Final, Provisional, Request, TransportError};
    use super::server::State;
    use super::*;

    #[test]
    fn trying_is_silent_to_a_repeated_request() {
        let mut bench = server(false);
        bench.input(Request).saw(&[]).over();
        assert_eq!(bench.machine.state(), State::Trying);
    }

    #[test]
    fn proceeding_repeats_the_1xx() {
        let mut bench = server(false);
        bench.input(Provisional).input(Request).input(Provisional);
        bench
            .saw(&[(0, SendResponse), (0, SendResponse), (0, SendResponse)])
            .over();
    }

    #[test]
    fn completed_repeats_the_final_for_64_t1() {
        let mut bench = server(false);
        bench
            .input(Final)
            .until(500)
            .input(Request)
            .saw(&[(0, SendResponse), (500, SendResponse)]);
        assert_eq!(bench.machine.state(), State::Completed);
        bench.input(Final).input(Provisional).saw(&[]);
        bench.until(33_000).saw(&[(32_000, Terminate)]).over();
        bench
            .input(Request)
            .input(Final)
            .input(Provisional)
            .saw(&[]);
    }

    #[test]
    fn proceeding_final_completes() {
        server(false)
            .input(Provisional)
            .input(Final)
            .saw(&[(0, SendResponse), (0, SendResponse)]);
    }

    #[test]
    fn completed_over_a_reliable_transport_ends_at_once() {
        server(true)
            .input(Final)
            .until(0)
            .saw(&[(0, SendResponse), (0, Terminate)])
            .over();
    }

    #[test]
    fn a_transport_error_ends_nothing() {
        server(false)
            .input(TransportError)
            .input(Final)
            .input(TransportError)
            .saw(&[(0, SendResponse)]);
    }
}
