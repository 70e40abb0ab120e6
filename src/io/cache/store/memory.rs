//! Cached responses in memory, bounded in bytes. The least recently used are evicted first.

use std::collections::HashSet;

use lru::LruCache;

use crate::io::cache::store::record::Record;

#[derive(Debug)]
pub struct Memory {
    records: LruCache<String, (Record, u64)>,
    bytes: u64,
    limit: u64,
}

impl Memory {
    pub fn new(limit: u64) -> Self {
        Self { records: LruCache::unbounded(), bytes: 0, limit }
    }

    pub fn get(&mut self, key: &str) -> Option<Record> {
        self.records.get(key).map(|(record, _)| record.clone())
    }

    /// Stores a record, unless it is larger than the limit.
    pub fn put(&mut self, key: String, record: Record) {
        self.remove(&key);
        let weight = weight(&key, &record);
        if weight > self.limit {
            return;
        }
        self.bytes += weight;
        self.records.put(key, (record, weight));
        while self.bytes > self.limit {
            let Some((_, (_, weight))) = self.records.pop_lru() else { break };
            self.bytes -= weight;
        }
    }

    pub fn remove(&mut self, key: &str) {
        if let Some((_, weight)) = self.records.pop(key) {
            self.bytes -= weight;
        }
    }

    /// Removes the unwanted keys and returns them.
    pub fn clear(&mut self, is_unwanted: impl Fn(&str) -> bool) -> HashSet<String> {
        let keys: HashSet<_> =
            self.records.iter().map(|(key, _)| key).filter(|key| is_unwanted(key)).cloned().collect();
        for key in &keys {
            self.remove(key);
        }
        keys
    }

    pub fn size(&self) -> (usize, u64) {
        (self.records.len(), self.bytes)
    }
}

fn weight(key: &str, record: &Record) -> u64 {
    // The memory of the list and the table for each record.
    const OVERHEAD: usize = 128;
    let size = match record {
        Record::Response(stored) => stored.weight(),
        Record::Varies(names) => names.iter().map(|name| name.as_str().len()).sum(),
    };
    (key.len() + size + OVERHEAD) as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::policy::cache::freshness::CachedResponse;

    fn response(size: usize) -> Record {
        let body = Bytes::from(vec![0; size]);
        Record::Response(Arc::new(CachedResponse::new(
            StatusCode::OK,
            String::new(),
            HeaderMap::new(),
            body,
            SystemTime::now(),
        )))
    }

    #[test]
    fn the_least_recently_used_is_evicted() {
        let mut memory = Memory::new(3 * weight("a", &response(1000)));
        for key in ["a", "b", "c"] {
            memory.put(key.to_owned(), response(1000));
        }
        assert!(memory.get("a").is_some());
        memory.put("d".to_owned(), response(1000));
        assert!(memory.get("b").is_none() && memory.get("a").is_some() && memory.get("d").is_some());
        assert_eq!(memory.size().0, 3);
    }

    #[test]
    fn the_size_is_that_of_the_cached_responses() {
        let mut memory = Memory::new(10_000);
        for round in 0..100 {
            memory.put("a".to_owned(), response(round));
        }
        assert_eq!(memory.size(), (1, weight("a", &response(99))));
        memory.put("large".to_owned(), response(10_000));
        assert_eq!(memory.size().0, 1);
        assert_eq!(memory.clear(|key| key == "a"), HashSet::from(["a".to_owned()]));
        assert_eq!(memory.size(), (0, 0));
    }
}
