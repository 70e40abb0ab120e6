//! The functions of `lib/observer.js`. Those that each observed request calls are stored, because
//! looking them up costs more than what they do.

use napi::Env;
use napi::bindgen_prelude::{
    FnArgs, FromNapiValue, Function, FunctionRef, JsObjectValue, JsValuesTupleIntoVec, Object, ObjectRef, Unknown,
};

use crate::node::js::value::property;

/// Call and exchange, and as lines: method, origin, path, names and values of header fields.
type Created = FnArgs<(u32, u32, String)>;
/// Call and exchange, whether it has ended and was the last, status, and as lines: reason phrase,
/// address of the peer, header fields. The port of the peer, and whether it speaks HTTP/2.
type Responded = FnArgs<(u32, u32, bool, bool, u16, String, Option<u16>, bool)>;

pub struct ObserverFunctions {
    all: ObjectRef<false>,
    pub begin: FunctionRef<FnArgs<(u32,)>, Unknown<'static>>,
    pub created: FunctionRef<Created, Option<Vec<String>>>,
    pub responded: FunctionRef<Responded, Unknown<'static>>,
    /// Call and exchange.
    pub ended: FunctionRef<FnArgs<(u32, u32)>, Unknown<'static>>,
}

impl ObserverFunctions {
    pub fn new(all: Object) -> napi::Result<Self> {
        let begin: Function<FnArgs<(u32,)>, Unknown<'static>> = all.get_named_property("begin")?;
        let created: Function<Created, Option<Vec<String>>> = all.get_named_property("created")?;
        let responded: Function<Responded, Unknown<'static>> = all.get_named_property("responded")?;
        let ended: Function<FnArgs<(u32, u32)>, Unknown<'static>> = all.get_named_property("ended")?;
        Ok(Self {
            begin: begin.create_ref()?,
            created: created.create_ref()?,
            responded: responded.create_ref()?,
            ended: ended.create_ref()?,
            all: all.create_ref()?,
        })
    }

    /// Calls any of the functions, by its name.
    pub fn call<'env, Args: JsValuesTupleIntoVec>(
        &self,
        env: &'env Env,
        name: &str,
        arguments: Args,
    ) -> napi::Result<Unknown<'env>> {
        let function = property(&self.all.get_value(env)?, name)?;
        Function::<Args, Unknown>::from_unknown(function)?.call(arguments)
    }
}
