//! `AbortSignal` as a token that every wait observes.

use napi::bindgen_prelude::{FnArgs, FromNapiValue, Function, FunctionRef, JsObjectValue, Object, ObjectRef, Unknown};
use napi::{Env, ValueType};
use tokio_util::sync::CancellationToken;

use crate::base::error::Error;
use crate::node::environment::instance::{instance, js_function};
use crate::node::js::arguments::wrong_type;
use crate::node::js::error::{set_cause, to_js, to_js_with};
use crate::node::js::value::{pending_exception, property};
use crate::node::promise::rejection::CallbackError;

/// Called when the signal fires.
type Listener<'env> = Function<'env, (), ()>;

/// The subscription of one operation to a signal. [`Abort::release`] ends it, so that a long-lived
/// signal accumulates no listeners.
#[derive(Default)]
pub struct Abort {
    /// The token of the environment, if nothing else can end the operation.
    pub token: CancellationToken,
    listening: Option<(ObjectRef<false>, FunctionRef<(), ()>)>,
    /// A stream of the caller, destroyed if the operation fails.
    source: Option<ObjectRef<false>>,
    callback_error: CallbackError,
}

impl Abort {
    /// Subscribes to the signal of the options. An error if it has already fired.
    pub fn listen(env: &Env, signal: Option<Unknown>, callback_error: CallbackError) -> napi::Result<Self> {
        let life = &instance(env)?.life;
        let Some(signal) = signal_of(env, signal)? else {
            return Ok(Self { token: life.clone(), callback_error, ..Self::default() });
        };
        let token = life.child_token();
        if let Some(error) = Self::fired(env, &signal)? {
            return Err(error);
        }
        let fired = token.clone();
        let listener: Listener = env.create_function_from_closure("onabort", move |_| {
            fired.cancel();
            Ok(())
        })?;
        let listening = (signal.create_ref()?, listener.create_ref()?);
        call(env, "subscribe", signal, listener)?;
        Ok(Self { token, listening: Some(listening), source: None, callback_error })
    }

    /// An error if the option is not a signal, whether it has fired or not.
    pub fn check(env: &Env, signal: Option<Unknown>) -> napi::Result<()> {
        signal_of(env, signal).map(|_| ())
    }

    /// The signal of the caller.
    pub fn signal<'env>(&self, env: &'env Env) -> napi::Result<Option<Object<'env>>> {
        self.listening.as_ref().map(|(signal, _)| signal.get_value(env)).transpose()
    }

    /// The rejection of a call whose signal has fired, if it has.
    pub fn fired(env: &Env, signal: &Object) -> napi::Result<Option<napi::Error>> {
        let is_fired = bool::from_unknown(property(signal, "aborted")?)?;
        Ok(is_fired.then(|| abort_error(env, Error::aborted(), signal)))
    }

    /// Takes over a stream that the operation reads. A failure of the stream ends the operation.
    pub fn owns(&mut self, source: Object) -> napi::Result<()> {
        self.token = self.token.child_token();
        self.source = Some(source.create_ref()?);
        Ok(())
    }

    /// Lets a callback that fails after it has returned end the operation.
    pub fn obeys_callbacks(&mut self) {
        self.token = self.token.child_token();
        self.callback_error.stops(self.token.clone());
    }

    /// Ends what belongs to the operation when it has ended: no callback is called any more, and
    /// nobody reads its stream.
    pub fn abandon(&mut self, env: &Env) {
        self.callback_error.settle();
        if let Some(source) = self.source.take() {
            // The reference is released in any case.
            let _ = source.get_value(env).and_then(|object| destroy(&object));
            let _ = pending_exception(env);
            let _ = source.unref(env);
        }
    }

    /// Unsubscribes. The error of an aborted operation gets the reason of the signal as its cause.
    pub fn release(self, env: &Env, aborted: Option<Error>) -> napi::Result<Option<napi::Error>> {
        let Some((signal, listener)) = self.listening else {
            return Ok(aborted.map(|error| to_js(env, error)));
        };
        let object = signal.get_value(env)?;
        call(env, "unsubscribe", object, listener.borrow_back(env)?)?;
        let error = aborted.map(|error| abort_error(env, error, &object));
        signal.unref(env)?;
        Ok(error)
    }
}

/// The signal of the options. `null` means no signal, as for `fetch`.
fn signal_of<'env>(env: &Env, option: Option<Unknown<'env>>) -> napi::Result<Option<Object<'env>>> {
    let Some(value) = option else {
        return Ok(None);
    };
    let kind = value.get_type()?;
    if kind == ValueType::Null {
        return Ok(None);
    }
    let not_a_signal = || wrong_type(env, "options.signal", "an AbortSignal", value);
    if kind != ValueType::Object {
        return Err(not_a_signal());
    }
    let signal = Object::from_unknown(value)?;
    let (aborted, add) = (property(&signal, "aborted")?, property(&signal, "addEventListener")?);
    if aborted.get_type()? != ValueType::Boolean || add.get_type()? != ValueType::Function {
        return Err(not_a_signal());
    }
    Ok(Some(signal))
}

/// Destroys a stream, which has no effect if it has ended. An error if it is not a stream of
/// Node.js.
pub fn destroy(stream: &Object) -> napi::Result<()> {
    let destroy: Function<(), Unknown> = stream.get_named_property_unchecked("destroy")?;
    destroy.apply(*stream, ()).map(|_| ())
}

/// Calls a function of `lib/js-support.js`, where all operations share one listener of a signal.
fn call(env: &Env, name: &str, signal: Object, listener: Listener) -> napi::Result<()> {
    let function: Function<FnArgs<(Object, Listener)>, Unknown> = js_function(env, name)?;
    function.call(FnArgs::from((signal, listener))).map(|_| ())
}

fn abort_error(env: &Env, error: Error, signal: &Object) -> napi::Error {
    to_js_with(env, error, |object| set_cause(object, property(signal, "reason")?))
}
