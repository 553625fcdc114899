//! Ends an exchange whose answer is no longer wanted: every wait for the service is made of short ones.

use std::cell::RefCell;
use std::io;
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::cancellation::Cancellation;

/// The longest wait between two looks at whether the answer is still wanted.
const PATIENCE: Duration = Duration::from_millis(200);

thread_local! {
    /// The exchange of this thread: ureq works on the thread of its caller, and hands nothing through to a connection of its
    /// pool.
    static EXCHANGE: RefCell<Option<Cancellation>> = const { RefCell::new(None) };
}

/// Runs an exchange whose waits end with an error soon after it is cancelled.
pub(super) fn until_cancelled<T>(cancelled: &Cancellation, exchange: impl FnOnce() -> T) -> T {
    /// Also when the exchange panics.
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            EXCHANGE.set(None);
        }
    }
    EXCHANGE.set(Some(cancelled.clone()));
    let _reset = Reset;
    exchange()
}

fn is_cancelled() -> bool {
    EXCHANGE.with_borrow(|exchange| exchange.as_ref().is_some_and(Cancellation::is_cancelled))
}

/// Makes the connections of the chain before it interruptible. It belongs below TLS, where a wait that ends early loses nothing.
#[derive(Debug)]
pub(super) struct Interruptible;

impl<In: Transport> Connector<In> for Interruptible {
    type Out = Interrupting<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(Interrupting))
    }
}

#[derive(Debug)]
pub(super) struct Interrupting<T>(T);

impl<T: Transport> Transport for Interrupting<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let start = Instant::now();
        loop {
            if is_cancelled() {
                return Err(Error::Io(io::ErrorKind::ConnectionAborted.into()));
            }
            let left = timeout.after.saturating_sub(start.elapsed());
            let after = left.min(PATIENCE).into();
            match self.0.await_input(NextTimeout { after, ..timeout }) {
                Err(Error::Timeout(_)) if left > PATIENCE => {}
                outcome => return outcome,
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}
