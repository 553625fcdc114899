//! Traces: the work of one request as nested spans (W3C Trace Context; OpenTelemetry, "Tracing API" and "SDK").
//!
//! A thread knows its request through its [`Scope`]. The spans of a request are collected in its trace and sent together when
//! it ends. Until then, the trace can still be attached to the client's span, which may arrive late (in the body), and the
//! queue is locked only once a request.

use std::borrow::Cow;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use rand::random;

use crate::sync::lock;

/// The maximum number of spans in one trace; a batch of calls that each read many pages may create more.
const SPANS: usize = 256;
/// Reserved space for the attributes of a request, so that they take one allocation.
const ROOT_ATTRIBUTES: usize = 12;

/// A span of another program, from `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// The trace.
    pub trace_id: u128,
    /// The span.
    pub span_id: u64,
    /// Whether the other program records the trace.
    pub sampled: bool,
}

impl Remote {
    /// Reads the `traceparent` header (W3C Trace Context §3.2). `None` for an invalid header, which must be ignored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let is_hex =
            |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let part = |from: usize, to: usize| text.get(from..to).filter(|part| is_hex(part));
        let version = part(0, 2).filter(|version| *version != "ff")?;
        // Later versions may add fields at the end.
        let whole = if version == "00" {
            bytes.len() == 55
        } else {
            matches!(bytes.get(55), None | Some(b'-'))
        };
        if !whole || [2, 35, 52].iter().any(|place| bytes.get(*place) != Some(&b'-')) {
            return None;
        }
        let trace_id = u128::from_str_radix(part(3, 35)?, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(part(36, 52)?, 16).ok().filter(|id| *id != 0)?;
        let flags = u8::from_str_radix(part(53, 55)?, 16).ok()?;
        Some(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }
}

/// Decides which traces are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampler {
    parent_based: bool,
    /// The minimum randomness of a recorded trace.
    threshold: u64,
}

impl Sampler {
    /// Records this share of traces, from 0 to 1. With `parent_based`, the client's decision applies to traces that it began.
    #[must_use]
    pub fn new(parent_based: bool, ratio: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 2^56, which is exact in both types"
        )]
        let threshold = ((1.0 - ratio.clamp(0.0, 1.0)) * f64::powi(2.0, 56)) as u64;
        Self { parent_based, threshold }
    }

    /// Returns whether a trace is recorded. "Consistent probability sampling": the last 56 bits of a trace id are its
    /// randomness, so that all programs decide alike.
    fn records(self, trace_id: u128, parent: Option<Remote>) -> bool {
        match parent {
            Some(parent) if self.parent_based => parent.sampled,
            _ => trace_id & ((1 << 56) - 1) >= u128::from(self.threshold),
        }
    }
}

/// The kind of a span (OTLP's numbers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Internal work.
    Internal = 1,
    /// A request that this server handles.
    Server = 2,
    /// A request to another server.
    Client = 3,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Real(f64),
    /// Yes or no.
    Flag(bool),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Whole(number.into())
    }
}

/// Attributes by name.
pub type Attributes = Vec<(Cow<'static, str>, Value)>;

/// A span, in the form in which it is sent after its end.
#[derive(Debug, Clone)]
pub struct SpanData {
    pub(super) trace_id: u128,
    pub(super) id: u64,
    pub(super) parent: Option<u64>,
    /// Whether the parent belongs to another program.
    pub(super) parent_is_remote: bool,
    /// A related span that is not the parent.
    pub(super) link: Option<Remote>,
    /// Empty until the name is known.
    pub(super) name: Cow<'static, str>,
    pub(super) kind: Kind,
    /// Nanoseconds since 1970, like the end.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) attributes: Attributes,
    pub(super) failed: bool,
}

impl SpanData {
    fn begin(id: u64, name: Cow<'static, str>, kind: Kind, parent: Option<u64>) -> Self {
        let start = now();
        let attributes = Vec::new();
        Self {
            trace_id: 0,
            id,
            parent,
            parent_is_remote: false,
            link: None,
            name,
            kind,
            start,
            end: start,
            attributes,
            failed: false,
        }
    }

    /// Adds an attribute.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push((Cow::Borrowed(name), value.into()));
    }

    /// Sets the kind of failure; the first one stays.
    pub fn fail(&mut self, error_type: impl Into<Value>) {
        if !self.failed {
            self.failed = true;
            self.set("error.type", error_type);
        }
    }
}

/// The request that a thread works for.
#[derive(Clone, Default)]
pub struct Scope {
    /// Identifies the request in log lines; 0 outside requests.
    request_id: u64,
    /// The open span.
    span: u64,
    trace: Option<Arc<Mutex<Trace>>>,
}

/// The ended spans of a request, and its own span.
struct Trace {
    id: u128,
    /// Whether the queue had space when the request began. If not, no spans are made, because they would only be dropped.
    has_room: bool,
    sampled: bool,
    /// The span of the request itself, until it ends.
    root: Option<SpanData>,
    /// Whether the request's own span already stands for a protocol message.
    claimed: bool,
    ended: Vec<SpanData>,
    /// Dropped spans; a request that is not recorded for lack of space counts as one.
    lost: u64,
}

thread_local! {
    static CURRENT: RefCell<Scope> = RefCell::default();
}

/// Returns the trace that is recorded here, if there is one.
fn trace() -> Option<Arc<Mutex<Trace>>> {
    CURRENT.with_borrow(|scope| scope.trace.clone())
}

/// Links a log record or a measurement to its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace.
    pub trace_id: u128,
    /// The open span.
    pub span_id: u64,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

/// Returns where this thread is; `None` outside traced requests.
pub fn place() -> Option<SpanContext> {
    // A thread that is ending may still log after this is gone.
    let scope = CURRENT.try_with(|scope| scope.borrow().clone()).ok()?;
    let trace = lock(scope.trace.as_ref()?);
    Some(SpanContext { trace_id: trace.id, span_id: scope.span, sampled: trace.sampled })
}

/// Returns the id of this thread's request: 16 hexadecimal digits, the same in all its log lines and in the audit trail.
pub fn request_id() -> Option<String> {
    let id = CURRENT.try_with(|scope| scope.borrow().request_id).unwrap_or_default();
    (id != 0).then(|| format!("{id:016x}"))
}

/// Returns the id of this thread's trace: 32 hexadecimal digits; `None` outside traced requests.
pub fn trace_id() -> Option<String> {
    place().map(|place| format!("{:032x}", place.trace_id))
}

/// Returns the `traceparent` header for a request that this thread sends; `None` outside traced requests.
pub fn traceparent() -> Option<String> {
    let SpanContext { trace_id, span_id, sampled } = place()?;
    Some(format!("00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(sampled)))
}

impl Scope {
    /// Returns this thread's scope, for [`Scope::enter`] on another thread that works for the same request.
    pub fn current() -> Self {
        CURRENT.with_borrow(Self::clone)
    }

    /// Works within the scope until the guard is dropped.
    pub fn enter(&self) -> Entered {
        Entered { previous: CURRENT.replace(self.clone()), stays: PhantomData }
    }
}

/// A thread's place in a [`Scope`]; dropping it restores the previous scope.
pub struct Entered {
    previous: Scope,
    /// The same thread must enter and leave.
    stays: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(std::mem::take(&mut self.previous));
    }
}

/// A request, from its beginning until this value is dropped.
pub struct Root {
    scope: Scope,
    /// Restores the previous scope.
    _entered: Entered,
}

impl Root {
    /// Begins a request, as a child of the client's span if there is one. Without a sampler, it has an id but no trace.
    pub fn begin(parent: Option<Remote>, sampler: Option<Sampler>) -> Self {
        let id = random_span_id();
        let trace = sampler.map(|sampler| {
            let mut root = SpanData::begin(id, Cow::Borrowed(""), Kind::Server, None);
            root.attributes.reserve(ROOT_ATTRIBUTES);
            let root = Some(root);
            let has_room = crate::telemetry::has_room_for_spans();
            let mut trace = Trace {
                id: random_trace_id(),
                has_room,
                sampled: false,
                root,
                claimed: false,
                ended: Vec::new(),
                lost: 0,
            };
            trace.join(parent, sampler);
            Arc::new(Mutex::new(trace))
        });
        let scope = Scope { request_id: id, span: id, trace };
        Self { _entered: scope.enter(), scope }
    }

    /// Changes the request's own span, if the request is recorded.
    pub fn edit(&self, edit: impl FnOnce(&mut SpanData)) {
        edit_root(self.scope.trace.as_deref(), edit);
    }

    /// Ends the request. Returns its spans and the number of dropped ones; empty and 0 if the request is not recorded.
    fn end(&mut self) -> (Vec<SpanData>, u64) {
        let Some(trace) = self.scope.trace.take() else { return (Vec::new(), 0) };
        let mut trace = lock(&trace);
        let (mut spans, Some(mut root)) = (std::mem::take(&mut trace.ended), trace.root.take())
        else {
            return (Vec::new(), 0);
        };
        // Other holders of the scope belong to a request that has ended.
        if !std::mem::take(&mut trace.sampled) {
            return (Vec::new(), std::mem::take(&mut trace.lost));
        }
        root.end = now().max(root.start);
        spans.push(root);
        for span in &mut spans {
            span.trace_id = trace.id;
        }
        (spans, trace.lost)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let (spans, lost) = self.end();
        crate::telemetry::queue_spans(spans, lost);
    }
}

fn edit_root(trace: Option<&Mutex<Trace>>, edit: impl FnOnce(&mut SpanData)) {
    if let Some(mut trace) = trace.map(lock)
        && trace.sampled
        && let Some(root) = &mut trace.root
    {
        edit(root);
    }
}

/// Records a failure of this thread's request.
pub fn fail_request(error_type: &'static str) {
    edit_root(trace().as_deref(), |root| root.fail(error_type));
}

impl Trace {
    /// Attaches the trace to the client's span. If it already has another parent, the span becomes a link.
    fn join(&mut self, parent: Option<Remote>, sampler: Sampler) {
        if let (Some(parent), Some(root)) = (parent, &mut self.root) {
            if let Some(before) = root.parent.replace(parent.span_id) {
                root.link =
                    Some(Remote { trace_id: self.id, span_id: before, sampled: self.sampled });
            }
            self.id = parent.trace_id;
            root.parent_is_remote = true;
        }
        let is_wanted = sampler.records(self.id, parent);
        self.sampled = is_wanted && self.has_room;
        self.lost = u64::from(is_wanted && !self.has_room);
    }
}

/// The place of a protocol message in the trace of its request.
pub enum Claim {
    /// It uses the request's own span.
    Request,
    /// It has its own span below the request's, which stands for another message.
    Below(Span),
    /// It has its own request, because its transport has none.
    Own(Root),
    /// Nothing is recorded.
    Untraced,
}

impl Claim {
    /// Begins the span of a message. `parent` is the client's span from the message itself. It overrides the transport's,
    /// unless the transport's is a closer span of the same trace.
    pub fn of_message(parent: Option<Remote>, sampler: Option<Sampler>) -> Self {
        let Scope { request_id, trace, .. } = Scope::current();
        if request_id == 0 {
            return Self::Own(Root::begin(parent, sampler));
        }
        let (Some(trace), Some(sampler)) = (trace, sampler) else { return Self::Untraced };
        let mut trace = lock(&trace);
        if std::mem::replace(&mut trace.claimed, true) {
            drop(trace);
            let mut span = Span::start("", Kind::Server);
            span.edit(|span| span.link = parent);
            return Self::Below(span);
        }
        let has_parent = trace.root.as_ref().is_some_and(|root| root.parent.is_some());
        let has_nearer = |parent: &Remote| has_parent && trace.id == parent.trace_id;
        if let Some(parent) = parent.filter(|parent| !has_nearer(parent)) {
            trace.join(Some(parent), sampler);
        }
        Self::Request
    }

    /// Changes the span, if the message is recorded.
    pub fn edit(&mut self, edit: impl FnOnce(&mut SpanData)) {
        match self {
            Self::Request => edit_root(trace().as_deref(), edit),
            Self::Below(span) => span.edit(edit),
            Self::Own(root) => root.edit(edit),
            Self::Untraced => {}
        }
    }
}

/// A part of a request, from its beginning until this value is dropped; empty if the request is not recorded.
pub struct Span(Option<Open>);

struct Open {
    data: SpanData,
    trace: Arc<Mutex<Trace>>,
    /// The span that is open again after this one.
    before: u64,
    /// It must end on the thread on which it began.
    stays: PhantomData<*const ()>,
}

impl Span {
    /// Begins a part of this thread's request; parts that begin before its end are its children.
    pub fn start(name: impl Into<Cow<'static, str>>, kind: Kind) -> Self {
        let Some(trace) = trace().filter(|trace| lock(trace).sampled) else { return Self(None) };
        let before = CURRENT.with_borrow(|scope| scope.span);
        let data = SpanData::begin(random_span_id(), name.into(), kind, Some(before));
        CURRENT.with_borrow_mut(|scope| scope.span = data.id);
        Self(Some(Open { data, trace, before, stays: PhantomData }))
    }

    /// Changes the span, if it is recorded. Do expensive work inside the closure.
    pub fn edit(&mut self, edit: impl FnOnce(&mut SpanData)) {
        if let Some(open) = &mut self.0 {
            edit(&mut open.data);
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(mut open) = self.0.take() else { return };
        CURRENT.with_borrow_mut(|scope| scope.span = open.before);
        open.data.end = now().max(open.data.start);
        let mut trace = lock(&open.trace);
        if trace.ended.len() < SPANS {
            trace.ended.push(open.data);
        } else {
            trace.lost += 1;
        }
    }
}

/// Returns nanoseconds since 1970, the time of OTLP.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Ids are random and never zero, because zero means "no id".
fn random_span_id() -> u64 {
    random::<u64>().max(1)
}

fn random_trace_id() -> u128 {
    random::<u128>().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Remote = Remote {
        trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
        span_id: 0x00f0_67aa_0ba9_02b7,
        sampled: true,
    };

    fn always() -> Option<Sampler> {
        Some(Sampler::new(true, 1.0))
    }

    #[test]
    fn a_traceparent_is_read_strictly() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(Remote::parse(valid), Some(CLIENT));
        assert_eq!(
            Remote::parse(&valid.replace("-01", "-00")),
            Some(Remote { sampled: false, ..CLIENT })
        );
        assert_eq!(Remote::parse(&format!("cc{}-what-comes-later", &valid[2..])), Some(CLIENT));
        for wrong in [
            "",
            &valid[..54],
            &format!("{valid}-x"),
            &format!("ff{}", &valid[2..]),
            &format!("cc{}x", &valid[2..]),
            &valid.to_ascii_uppercase(),
            &valid.replace("4bf92f3577b34da6a3ce929d0e0e4736", "00000000000000000000000000000000"),
            &valid.replace("00f067aa0ba902b7", "0000000000000000"),
            &valid.replace("-01", "_01"),
            &valid.replace("4bf9", "+bf9"),
            "00-4bf92f3577b34da6a3ce929d0e0e47é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Remote::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_sampler_records_its_share_and_follows_the_parent_where_it_is_to() {
        let unsampled = Remote { sampled: false, ..CLIENT };
        let check = |parent_based, ratio, parent: Option<Remote>, expected| {
            let id = parent.map_or(u128::MAX, |parent| parent.trace_id);
            assert_eq!(
                Sampler::new(parent_based, ratio).records(id, parent),
                expected,
                "{parent_based} {ratio} {parent:?}"
            );
        };
        check(true, 0.0, Some(CLIENT), true);
        check(true, 1.0, Some(unsampled), false);
        check(false, 0.0, Some(CLIENT), false);
        check(false, 1.0, Some(unsampled), true);
        check(true, 0.0, None, false);
        check(true, 1.0, None, true);
        let quarter = Sampler::new(true, 0.25);
        let recorded = (0..10_000).filter(|_| quarter.records(random_trace_id(), None)).count();
        assert!((2_200..2_800).contains(&recorded), "{recorded} of 10,000 are recorded");
    }

    #[test]
    fn spans_nest_and_take_the_trace_of_the_client() {
        let mut root = Root::begin(Some(CLIENT), always());
        {
            let mut outer = Span::start("outer", Kind::Internal);
            outer.edit(|span| span.set("number", 7));
            let _inner = Span::start("inner", Kind::Client);
            assert_eq!(traceparent().unwrap()[..35], *"00-4bf92f3577b34da6a3ce929d0e0e4736");
        }
        drop(Span::start("sibling", Kind::Client));
        let (spans, lost) = root.end();
        let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
        assert_eq!((names.as_slice(), lost), (&["inner", "outer", "sibling", ""][..], 0));
        let [inner, outer, sibling, root] = &spans[..] else { unreachable!() };
        assert_eq!((root.parent, root.parent_is_remote), (Some(CLIENT.span_id), true));
        assert_eq!(
            (inner.parent, outer.parent, sibling.parent),
            (Some(outer.id), Some(root.id), Some(root.id))
        );
        assert!(
            spans.iter().all(|span| span.trace_id == CLIENT.trace_id && span.end >= span.start)
        );
    }

    #[test]
    fn another_thread_works_for_the_same_request_once_it_enters_its_scope() {
        let mut root = Root::begin(None, always());
        let scope = Scope::current();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                assert_eq!(request_id(), None);
                let _entered = scope.enter();
                assert_eq!(request_id().map(|id| id.len()), Some(16));
                let _span = Span::start("elsewhere", Kind::Internal);
            });
        });
        let (spans, _) = root.end();
        assert_eq!((spans.len(), spans[0].parent), (2, Some(spans[1].id)));
        drop(root);
        assert_eq!(request_id(), None);
    }

    #[test]
    fn what_a_message_says_of_its_parent_wins_unless_the_transport_knows_a_nearer_one() {
        let other = Remote { trace_id: 7, span_id: 8, sampled: true };
        let nearer = Remote { span_id: 9, ..CLIENT };
        let check = |header: Option<Remote>,
                     meta: Option<Remote>,
                     parent: Option<Remote>,
                     link: Option<Remote>| {
            let mut root = Root::begin(header, always());
            drop(Span::start("before", Kind::Internal));
            assert!(matches!(Claim::of_message(meta, always()), Claim::Request));
            let (spans, _) = root.end();
            let root = &spans[1];
            assert_eq!(
                (root.parent, root.link),
                (parent.map(|parent| parent.span_id), link),
                "{header:?} {meta:?}"
            );
            assert!(
                parent.is_none_or(|parent| root.trace_id == parent.trace_id)
                    && spans[0].trace_id == root.trace_id
            );
        };
        check(None, None, None, None);
        check(None, Some(CLIENT), Some(CLIENT), None);
        check(Some(CLIENT), None, Some(CLIENT), None);
        check(Some(nearer), Some(CLIENT), Some(nearer), None);
        check(Some(other), Some(CLIENT), Some(CLIENT), Some(other));
    }

    #[test]
    fn a_second_message_of_a_request_has_a_span_below_it_and_one_without_a_request_has_its_own() {
        let mut root = Root::begin(None, always());
        assert!(matches!(Claim::of_message(None, always()), Claim::Request));
        assert!(matches!(Claim::of_message(Some(CLIENT), always()), Claim::Below(_)));
        let (spans, _) = root.end();
        assert_eq!((spans[0].parent, spans[0].link), (Some(spans[1].id), Some(CLIENT)));
        drop(root);
        assert!(matches!(Claim::of_message(None, always()), Claim::Own(_)));
    }

    #[test]
    fn an_unrecorded_request_sends_its_context_on_and_no_span() {
        let mut root = Root::begin(Some(Remote { sampled: false, ..CLIENT }), always());
        drop(Span::start("x", Kind::Client));
        assert!(traceparent().unwrap().ends_with("-00"));
        assert!(root.end().0.is_empty());
        let mut untraced = Root::begin(None, None);
        assert_eq!((traceparent(), request_id().is_some()), (None, true));
        assert!(untraced.end().0.is_empty());
    }

    #[test]
    fn a_request_that_finds_the_queue_full_counts_as_lost_if_it_is_wanted() {
        let unsampled = Remote { sampled: false, ..CLIENT };
        for (parent, lost) in [(None, 1), (Some(CLIENT), 1), (Some(unsampled), 0)] {
            let mut root = Root::begin(None, always());
            let trace = root.scope.trace.clone().unwrap();
            lock(&trace).has_room = false;
            lock(&trace).join(parent, always().unwrap());
            drop(Span::start("x", Kind::Client));
            assert!(!place().unwrap().sampled, "nothing refers to a trace that is not recorded");
            let (spans, counted) = root.end();
            assert_eq!((spans.len(), counted), (0, lost), "{parent:?}");
        }
    }

    #[test]
    fn a_trace_keeps_so_many_spans_and_counts_the_others() {
        let mut root = Root::begin(None, always());
        for _ in 0..SPANS + 10 {
            drop(Span::start("x", Kind::Client));
        }
        let (spans, lost) = root.end();
        assert_eq!((spans.len(), lost), (SPANS + 1, 10));
    }
}
