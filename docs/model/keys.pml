/*
 * The life of a store's key: docs/KEY-LIFECYCLE.md as a model for Spin. README.md says what is in it and what is not; run.sh
 * searches all of it.
 *
 * Options (-D) say who takes part. MUTATION_… takes one step out of the protocol, or puts a fault of before back: an assertion has
 * to fail then. I1 to I8 are the invariants of the page.
 */
#ifndef FOLDERS
#define FOLDERS 1 /* 2: the second one is a copy of the first, made at any moment */
#endif
#ifndef VALUES
#define VALUES 1
#endif
#ifndef FILES
#define FILES VALUES /* how many values there are at first */
#endif
#ifndef KEYS
#define KEYS 6 /* made at most, and one */
#endif
#ifndef KILLS
#define KILLS 0 /* processes that are killed, between any two steps */
#endif
#ifndef FAULTS
#define FAULTS 0 /* errors of the disk, behind the rename of the metadata */
#endif
#ifndef DIRECT
#define DIRECT 0 /* 1: keys never leave their token: next is not sealed under current, and a destroyed key opens nothing */
#endif
#ifndef CALLERS_ID
#define CALLERS_ID 0 /* 1: the first key has an id of the caller's */
#endif
#ifndef START_EMPTY
#define START_EMPTY 0 /* 1: there is no store at first */
#endif
#ifndef CHANGERS
#define CHANGERS 0 /* who change the key */
#endif
#ifndef COPY_CHANGERS
#define COPY_CHANGERS 0 /* the same in the copy */
#endif
#ifndef SERVICES
#define SERVICES 0 /* who read and write */
#endif
#ifndef WRITES
#define WRITES 0 /* of each */
#endif
#ifndef READS
#define READS 0
#endif
#ifndef SERVICE_HAS
#define SERVICE_HAS OPENS_WITH
#endif
#ifndef MAKES
#define MAKES 0 /* 1: services and changers make the store where there is none */
#endif
#ifndef RECORDERS
#define RECORDERS 0
#endif
#ifndef REMOVERS
#define REMOVERS 0
#endif
#ifndef OPS
#define OPS 1 /* calls of each changer */
#endif
#ifndef CHANGES
#define CHANGES (ROTATE | REKEY | ABORT)
#endif
#ifndef OPENS_WITH
#define OPENS_WITH P1 /* a changer's provider, of these */
#endif
#ifndef OPENS_ALSO
#define OPENS_ALSO OPENS_WITH
#endif
#ifndef GOES_TO
#define GOES_TO P2 /* rekey goes to one of these */
#endif
#ifndef GOES_ALSO
#define GOES_ALSO GOES_TO
#endif

/* A provider is a set of places (a passphrase, a token); FIRST is firstOf(P1, P2). A key is in one place. */
#define P1 1
#define P2 2
#define P3 4
#define FIRST 3

#define ROTATE 1
#define REKEY 2
#define ABORT 4

/* How steps end. */
#define OK 0
#define INVALID 1 /* KEY_INVALID: what is there does not open with this provider */
#define REMOVED 2 /* there is no store */
#define INTERFERED 3 /* there is other metadata than what was derived from */
#define DISK 4 /* an error of the disk */
#define LEFT 5 /* CLEANUP_FAILED: a key could not be destroyed */

#define K(k) (1 << (k))
#define IN(k, set) (((set) >> (k)) & 1)
#define ME _pid

typedef Folder {
  byte ver; /* store.meta; this is its seal: another number for each metadata that was ever written, 0 where there is none */
  byte cur;
  byte nxt;
  bit abandoned;
  bit removing;
  byte old; /* sets of keys */
  byte unfinished;
  byte epoch; /* the last counter of store.generations */
  byte file[VALUES]; /* the key that a value's file is under; 0: there is no file */
  byte whole; /* locks: the number of the holder */
  byte change;
  byte stripe[VALUES];
  byte making; /* the key of a store that is being made; only the model knows it */
  byte own; /* the keys that were made for this folder: it is recorded with each */
}
Folder f[FOLDERS];

byte versions = 1; /* numbers that are used up */
byte keys = 1;
byte exists; /* sets of keys */
byte callers; /* with an id of the caller's, or of a store that was never made: no journal names them */
byte place[KEYS];
byte kills = KILLS;
byte faults = FAULTS;
bit dead[9];

/* ---------------------------------------------------------------------------------------------------- invariants */

#ifdef LIMIT_COPY
#define MUST_EXIST(k) IN(k, exists)
#else
#define MUST_EXIST(k) (IN(k, exists) || !IN(k, f[d].own)) /* A copy may lose a key that the original has made. */
#endif
#define NAMED_BY(g) (f[g].ver == 0 -> 0 : K(f[g].cur) | (f[g].nxt == 0 -> 0 : K(f[g].nxt)) | f[g].old | f[g].unfinished)

/* Checked after each change of metadata, of files, and of keys. */
inline check() {
  if
  :: f[d].ver != 0 && !f[d].removing ->
    assert(MUST_EXIST(f[d].cur)); /* I2 */
    assert(f[d].nxt == 0 || MUST_EXIST(f[d].nxt)); /* I2 */
    for (w : 0 .. VALUES - 1) {
      assert(f[d].file[w] == 0 || f[d].file[w] == f[d].cur || f[d].file[w] == f[d].nxt) /* I1 */
    }
    w = 0
  :: else
  fi;
  /* I8: a key that was made for this folder is named by its metadata until it is destroyed. */
  assert((exists & f[d].own & ~callers & ~NAMED_BY(d) & ~(f[d].making == 0 -> 0 : K(f[d].making))) == 0)
}

/* ---------------------------------------------------------------------------------------------------- locks */

#if VALUES == 1
#define NO_STRIPE (f[d].stripe[0] == 0)
#else
#define NO_STRIPE (f[d].stripe[0] == 0 && f[d].stripe[1] == 0)
#endif
#define WHOLE_FREE (f[d].whole == 0 && NO_STRIPE)
#define STRIPE_FREE (f[d].whole == 0 && f[d].stripe[v] == 0)

/* ---------------------------------------------------------------------------------------------------- an open store */

/* What a process knows: folder, provider, keyring (r_…; r_ver: of which metadata). m_…: metadata that it has just read. */
#define PROCESS \
  byte d, w, v, k, err, prov, r_ver, r_cur, r_nxt, m_ver, m_cur, m_nxt, seen; \
  bit r_abandoned, m_abandoned, m_removing, r_incomplete, left NUMBER
#ifdef MUTATION_L2
#define NUMBER ; byte number
#else
#define NUMBER
#endif

#define OPENS(set, k) (((set) & place[k]) && IN(k, exists))
#define HAS(k) ((r_cur == (k) || (r_nxt == (k) && !r_incomplete)) && (!DIRECT || IN(k, exists)))

inline readMetadata() {
  m_ver = f[d].ver;
  m_cur = f[d].cur;
  m_nxt = f[d].nxt;
  m_abandoned = f[d].abandoned;
  m_removing = f[d].removing
}

inline forgetRead() {
  m_ver = 0;
  m_cur = 0;
  m_nxt = 0;
  m_abandoned = 0;
  m_removing = 0
}

inline forgetKeyring() {
  r_ver = 0;
  r_cur = 0;
  r_nxt = 0;
  r_abandoned = 0;
  r_incomplete = 0
}

#ifdef MUTATION_REMOVAL_EPOCH
#define IS_GONE (m_ver == 0)
#else
#define IS_GONE (m_ver == 0 || m_removing)
#endif

/* Opening, and loading the keys again; no lock is needed. Where a key does not open: is there other metadata by now? */
inline load() {
  do
  :: d_step { readMetadata() };
#ifdef MUTATION_L2
    number = f[d].epoch; /* The number was read after what it numbers. */
#endif
    if
    :: atomic { IS_GONE -> err = REMOVED; forgetRead(); break }
    :: atomic { !IS_GONE && (HAS(m_cur) || OPENS(prov, m_cur)) ->
        r_incomplete = (m_nxt != 0 && DIRECT && !HAS(m_nxt) && !OPENS(prov, m_nxt));
#ifdef MUTATION_L2
        r_ver = number;
        number = 0;
#else
        r_ver = m_ver;
#endif
        r_cur = m_cur;
        r_nxt = m_nxt;
        r_abandoned = m_abandoned;
        err = OK;
        forgetRead();
        break
      }
    :: atomic { !IS_GONE && !(HAS(m_cur) || OPENS(prov, m_cur)) -> skip };
      if
      :: atomic { f[d].ver != m_ver -> forgetRead() }
      :: atomic { f[d].ver == m_ver ->
          assert(f[d].removing || !OPENS(prov, f[d].cur)); /* KEY_INVALID is said only to who has another provider. */
          err = INVALID;
          forgetRead();
          break
        }
      fi
    fi
  od
}

/* The keys as they are now. */
inline refresh() {
  if
  :: atomic { f[d].epoch == r_ver && r_ver != 0 -> err = OK }
  :: atomic { !(f[d].epoch == r_ver && r_ver != 0) -> skip };
    load()
  fi
}

/* Under a lock of the store: is the keyring that of the metadata which is there? The number is set right. */
inline requireStill() {
  if
  :: f[d].epoch == r_ver -> err = OK
  :: else ->
    if
    :: f[d].ver == 0 -> err = REMOVED
    :: else ->
#ifndef MUTATION_L3
      f[d].epoch = f[d].ver;
#endif
      err = (f[d].ver == r_ver -> OK : INTERFERED)
    fi
  fi
}

/* Reading a value. What was opened under the lock stays what it is. */
inline read() {
  do
  :: atomic { STRIPE_FREE -> seen = f[d].file[v] };
    if
    :: atomic { seen == 0 || HAS(seen) -> err = OK; seen = 0; break }
    :: atomic { seen != 0 && !HAS(seen) ->
#ifdef MUTATION_C1
        /* A key that is gone was an error for good. */
        assert(f[d].ver == 0 || f[d].removing || IN(r_cur, exists) || !OPENS(prov, f[d].cur));
#endif
        seen = r_ver
      };
      refresh();
      if
      :: atomic { err != OK -> seen = 0; break }
      :: atomic { err == OK && seen != r_ver -> seen = 0 }
      :: atomic { err == OK && seen == r_ver ->
          assert(r_incomplete); /* I1: no file is damaged here. Who does not have the next key is told so. */
          err = INVALID;
          seen = 0;
          break
        }
      fi
    fi
  od
}

#define WRITING ((r_nxt == 0 || r_abandoned) -> r_cur : r_nxt)
#define LEAVING (r_abandoned -> r_nxt : r_cur)
#define CAN_WRITE (r_nxt == 0 || r_abandoned || !r_incomplete)

/* Writing a value. I6: a file is put in place under the key that the metadata names as the one to write under, then. */
inline write() {
  do
  ::
#ifdef MUTATION_LOCK
    atomic { requireStill() }; /* before the lock is held */
    atomic { STRIPE_FREE -> f[d].stripe[v] = ME };
#else
    atomic { STRIPE_FREE -> f[d].stripe[v] = ME; requireStill() };
#endif
    if
    :: atomic { err == OK && CAN_WRITE ->
        assert(f[d].ver != 0 && !f[d].removing);
        assert(WRITING == ((f[d].nxt == 0 || f[d].abandoned) -> f[d].cur : f[d].nxt)); /* I6 */
        f[d].file[v] = WRITING;
        check();
        f[d].stripe[v] = 0;
        break
      }
    :: atomic { err == OK && !CAN_WRITE -> err = INVALID; f[d].stripe[v] = 0; break }
    :: atomic { err == REMOVED -> f[d].stripe[v] = 0; break }
    :: atomic { err == INTERFERED -> f[d].stripe[v] = 0 };
      load();
      if
      :: err != OK -> break
      :: else
      fi
    fi
  od
}

/* ---------------------------------------------------------------------------------------------------- publishing */

#define INTEND 1
#define NAME_NEXT 2
#define PROMOTE 3
#define ABANDON 4
#define DROP 5
#define FORGET 6
#define REMOVING 7
#define RECORD 8 /* Records of rollbacks are begun, accepted, ended: nothing of the keys changes. */

inline derive(what, key) {
#ifdef MUTATION_STALE
  f[d].cur = r_cur; /* from the metadata that this process has read once */
  f[d].nxt = r_nxt;
  f[d].abandoned = r_abandoned;
#endif
  if
  :: what == INTEND -> f[d].unfinished = f[d].unfinished | K(key)
  :: what == NAME_NEXT ->
    f[d].unfinished = f[d].unfinished & ~K(key);
    f[d].nxt = key
  :: what == PROMOTE ->
#ifdef MUTATION_M3
    f[d].old = K(f[d].cur);
#else
    f[d].old = f[d].old | K(f[d].cur);
#endif
    f[d].cur = f[d].nxt;
    f[d].nxt = 0
  :: what == ABANDON -> f[d].abandoned = 1
  :: what == DROP ->
    f[d].old = f[d].old | K(f[d].nxt);
    f[d].nxt = 0;
    f[d].abandoned = 0
  :: what == FORGET ->
    f[d].old = f[d].old & ~K(key);
    f[d].unfinished = f[d].unfinished & ~K(key)
  :: what == REMOVING ->
    for (w : 0 .. VALUES - 1) { assert(f[d].file[w] == 0) }
    w = 0;
    f[d].removing = 1
  :: what == RECORD
  fi
}

#ifdef MUTATION_STALE
#define SAME (f[d].ver != 0)
#else
#define SAME (f[d].ver == r_ver) /* I5 */
#endif

/* Steps 1 to 4, under the whole lock. */
inline publishHere(what, key) {
  if
  :: atomic { SAME -> err = OK };
#ifndef MUTATION_L3
    f[d].epoch = 0;
#endif
    d_step {
      derive(what, key);
      versions++;
      assert(versions < 100);
      f[d].ver = versions;
      r_ver = f[d].ver;
      r_cur = f[d].cur;
      r_nxt = f[d].nxt;
      r_abandoned = f[d].abandoned;
      r_incomplete = r_incomplete && r_nxt != 0;
      check()
    };
    if
    :: f[d].epoch = r_ver
    :: atomic { faults > 0 -> faults--; err = DISK } /* It is in place, and may not be durable. */
    fi
  :: atomic { !SAME -> err = INTERFERED }
  fi
}

inline publish(what, key) {
  atomic { WHOLE_FREE -> f[d].whole = ME };
  publishHere(what, key);
  f[d].whole = 0
}

/* ---------------------------------------------------------------------------------------------------- destroying keys */

/* By proof: it is in a place of this provider, has an id that MemGuard made, and was made for this folder. */
#ifdef MUTATION_L7
#define PROVEN(by, key) (((by) & place[key]) && IN(key, f[d].own))
#elif defined(MUTATION_G)
#define PROVEN(by, key) (((by) & place[key]) && !IN(key, callers))
#else
#define PROVEN(by, key) (((by) & place[key]) && !IN(key, callers) && IN(key, f[d].own))
#endif
#ifdef MUTATION_L1
#define IN_USE(key) 0
#else
#define IN_USE(key) (!f[d].removing && (f[d].cur == (key) || f[d].nxt == (key)))
#endif

inline destroyKey(key) {
  assert(IN(key, f[d].own)); /* I2: it is this folder's */
  assert(!IN(key, callers)); /* I2: other stores may share it */
#if FOLDERS > 1
  assert(!IN(key, f[1 - d].own) || f[1 - d].cur != (key) && f[1 - d].nxt != (key)); /* I2 */
#endif
  exists = exists & ~K(key);
  check()
}

/* Under the whole lock: destroys one key that the metadata names as old or unfinished; then it no longer names it. */
inline forget(by, key) {
  if
  :: atomic { !IN(key, f[d].old | f[d].unfinished) -> err = OK }
#ifdef MUTATION_L6
  :: atomic { IN(key, f[d].old | f[d].unfinished) && !PROVEN(by, key) ->
      /* By name: the key of the same name in whatever token this provider leads to. */
      if :: (by) & place[f[d].cur] -> destroyKey(f[d].cur) :: else fi
    };
    publishHere(FORGET, key)
#elif defined(MUTATION_NOT_FOUND)
  :: atomic { IN(key, f[d].old | f[d].unfinished) && !PROVEN(by, key) -> skip }; /* "Not found here" taken for destroyed. */
    publishHere(FORGET, key)
#elif defined(MUTATION_UNFINISHED)
  :: atomic { IN(key, f[d].old) && !PROVEN(by, key) -> err = LEFT }
  :: atomic { IN(key, f[d].unfinished) && !PROVEN(by, key) -> skip }; /* The intention does not say in which token. */
    publishHere(FORGET, key)
#else
  :: atomic { IN(key, f[d].old | f[d].unfinished) && !PROVEN(by, key) -> err = LEFT }
#endif
  :: atomic { IN(key, f[d].old | f[d].unfinished) && PROVEN(by, key) ->
      if :: !IN_USE(key) -> destroyKey(key) :: else fi
    };
    publishHere(FORGET, key)
  fi
}

/* Under the change lock; whether something is left is in "left". */
inline destroyOld(by) {
  left = 0;
#ifdef MUTATION_L8
  /* What is in the token, has this store's id, and is not named here. */
  d_step {
    for (k : 1 .. KEYS - 1) {
      if :: IN(k, exists & ~callers & ~NAMED_BY(d)) && ((by) & place[k]) -> destroyKey(k) :: else fi
    }
    k = 0
  };
#endif
  for (k : 1 .. KEYS - 1) {
    if
    :: atomic { IN(k, f[d].old | f[d].unfinished) && (!PROVEN(by, k)) -> left = 1
#if defined(MUTATION_L6) || defined(MUTATION_NOT_FOUND) || defined(MUTATION_UNFINISHED)
      };
      atomic { WHOLE_FREE -> f[d].whole = ME };
      refresh();
      if :: err == OK -> forget(by, k) :: else fi;
      f[d].whole = 0;
      atomic { skip
#endif
      }
    :: atomic { IN(k, f[d].old | f[d].unfinished) && PROVEN(by, k) -> skip };
      atomic { WHOLE_FREE -> f[d].whole = ME };
      refresh();
      if
      :: err == OK -> forget(by, k)
      :: else
      fi;
      f[d].whole = 0;
      if :: err != OK -> left = 1 :: else fi
    :: else
    fi
  }
  k = 0
}

/* ---------------------------------------------------------------------------------------------------- making and removing */

/* Under the whole lock, where the metadata says "removing": destroys all keys, then the metadata. */
inline finishRemoval() {
  left = 0;
  for (k : 1 .. KEYS - 1) {
    if
    :: atomic { IN(k, NAMED_BY(d) & exists) && PROVEN(prov, k) -> destroyKey(k) }
    :: atomic { IN(k, NAMED_BY(d) & exists) && !PROVEN(prov, k) ->
        left = left || (IN(k, f[d].own) && !IN(k, callers)) /* in a place that this provider does not lead to */
      }
    :: else
    fi
  }
  k = 0;
  if
#ifdef MUTATION_REMOVE_BY_OTHER
  :: atomic { left -> left = 0 };
    unlinkMetadata()
#else
  :: atomic { left -> err = LEFT }
#endif
  :: atomic { !left -> skip };
    unlinkMetadata()
  fi
}

inline unlinkMetadata() {
#ifndef MUTATION_REMOVAL_EPOCH
  f[d].epoch = 0;
#endif
  d_step {
    f[d].ver = 0;
    f[d].cur = 0;
    f[d].nxt = 0;
    f[d].abandoned = 0;
    f[d].removing = 0;
    f[d].old = 0;
    f[d].unfinished = 0;
    check()
  };
  err = OK
}

/* cleanupAll. */
inline removeStore() {
#ifndef MUTATION_REMOVE_BESIDE_CHANGE
  atomic { f[d].change == 0 -> f[d].change = ME };
#endif
  atomic { WHOLE_FREE -> f[d].whole = ME };
  refresh();
  if
  :: err == OK ->
    for (k : 0 .. VALUES - 1) {
      f[d].file[k] = 0
    }
    k = 0;
#ifdef MUTATION_M5
    unlinkMetadata(); /* before the keys */
    atomic { if :: PROVEN(prov, r_cur) -> destroyKey(r_cur) :: else fi }
#else
    publishHere(REMOVING, 0);
    if
    :: err == OK -> finishRemoval()
    :: else
    fi
#endif
  :: else
  fi;
  atomic { f[d].whole = 0; f[d].change = (f[d].change == ME -> 0 : f[d].change) };
  forgetKeyring()
}

/* Under the whole lock, where there is no metadata. */
inline make() {
  atomic {
    assert(f[d].file[0] == 0); /* I1: no key is made over data. */
    assert(keys < KEYS);
    f[d].making = keys;
    place[keys] = prov & ~(prov & (prov - 1));
    f[d].own = f[d].own | K(keys);
    exists = exists | K(keys);
    keys++;
    k = f[d].making
  };
  f[d].epoch = 0;
  d_step {
    versions++;
    f[d].ver = versions;
    f[d].cur = k;
    f[d].making = 0;
    check()
  };
  if
  :: f[d].epoch = f[d].ver;
#ifdef MUTATION_L2_MAKER
    f[d].whole = 0; /* The number was read after the lock was given back. */
    r_ver = f[d].epoch;
#else
    r_ver = f[d].ver;
#endif
    r_cur = k;
    err = OK
  :: atomic { faults > 0 -> faults--; err = DISK };
#ifdef MUTATION_INIT_ERROR
    destroyKey(k) /* though the metadata may be in place */
#endif
  fi;
  k = 0
}

/* Opens the store, or makes it; ends a removal that was killed. */
inline openOrMake() {
  do
  :: load();
    if
    :: err != REMOVED -> break
    :: else
    fi;
#ifdef MUTATION_REMOVAL_UNSEEN
    seen = f[d].removing; /* not read again under the lock */
#endif
    atomic { WHOLE_FREE -> f[d].whole = ME };
    if
#ifdef MUTATION_REMOVAL_UNSEEN
    :: atomic { f[d].ver != 0 && seen -> seen = 0; f[d].removing = 1 };
#else
    :: atomic { f[d].ver != 0 && f[d].removing -> skip };
#endif
      finishRemoval();
      if
      :: err == OK -> make()
      :: else
      fi;
      f[d].whole = (f[d].whole == ME -> 0 : f[d].whole);
      break
    :: atomic { f[d].ver == 0 -> skip };
      make();
      f[d].whole = (f[d].whole == ME -> 0 : f[d].whole);
      break
    :: atomic { f[d].ver != 0 && !f[d].removing -> f[d].whole = 0 } /* The other one's store. */
    fi
  od
}

/* ---------------------------------------------------------------------------------------------------- changing the key */

/* What every step begins with: the keys as they are; where there are none any more the call fails. */
inline now() {
  refresh();
  if
  :: err != OK -> goto failed
  :: else
  fi
}

inline say(what, key) {
  publish(what, key);
  if
  :: err != OK -> goto failed
  :: else
  fi
}

/* Every file that is under the key that the store leaves is encrypted again; one look at the folder, after "next" is named. */
inline list() {
  d_step {
    todo = 0;
    for (w : 0 .. VALUES - 1) {
      if :: f[d].file[w] != 0 -> todo = todo | K(w) :: else fi
    }
    w = 0
  }
}

inline reencrypt() {
#ifndef MUTATION_LIST
  list();
#endif
  do
  :: atomic { todo == 0 -> v = 0; break }
  :: atomic { todo != 0 && !IN(v, todo) -> v++ }
  :: atomic { IN(v, todo) && STRIPE_FREE -> f[d].stripe[v] = ME; requireStill() };
    if
    :: atomic { err == OK ->
        if
        :: f[d].file[v] == LEAVING -> f[d].file[v] = WRITING
        :: f[d].file[v] != LEAVING -> assert(f[d].file[v] == WRITING || f[d].file[v] == 0) /* I1: no file is damaged here. */
        fi;
        check();
        f[d].stripe[v] = 0;
        todo = todo & ~K(v);
        v = 0
      }
    :: atomic { err != OK -> f[d].stripe[v] = 0; v = 0 };
      load();
      if
      :: err != OK -> goto failed
      :: else
      fi;
      if
      :: r_nxt == 0 -> goto failed
      :: else
      fi
    fi
  od
}

/* Step 7, by a provider that opens the next key afresh. */
inline promote(by) {
  now();
  atomic {
    if
#ifdef MUTATION_L4
    :: r_nxt == 0 -> goto failed /* no fresh opening either */
#else
    :: r_nxt == 0 || !OPENS(by, r_nxt) -> goto failed
#endif
    :: else
    fi
  };
  atomic {
    /* I4, I7: a change ends as what it was begun as, by who may: a rotation stays where the key was. */
    assert(f[d].ver != r_ver || (prov & place[r_cur]));
    assert(f[d].ver != r_ver || kind != ROTATE || place[r_nxt] == place[r_cur])
  };
  say(PROMOTE, 0);
  prov = by
}

/* Gives a change up to its end. */
inline giveUp() {
  if
  :: !r_abandoned -> say(ABANDON, 0)
  :: else
  fi;
  reencrypt();
  now();
  say(DROP, 0)
}

/* Whether a call goes on with the change that is under way. */
#ifdef MUTATION_L4
#define CONTINUES 1
#elif defined(MUTATION_FIRST_OF)
#define CONTINUES OPENS(to, r_nxt)
#else
#define CONTINUES (OPENS(to, r_nxt) && (kind != ROTATE || place[r_nxt] == place[r_cur]))
#endif
#if defined(MUTATION_L9) || defined(MUTATION_L5)
#define STAYS_IN_PLACE 0
#else
#define STAYS_IN_PLACE (kind == ROTATE)
#endif

/* Steps 4 and 5. */
inline begin() {
#ifdef MUTATION_LIST
  list(); /* before "next" is named */
#endif
  now();
  atomic {
    assert(keys < KEYS);
    k = keys;
    keys++;
    if
    :: STAYS_IN_PLACE -> place[k] = place[r_cur]
    :: !STAYS_IN_PLACE && (to & P1) -> place[k] = P1 /* Any candidate of firstOf: a token may be full. */
    :: !STAYS_IN_PLACE && (to & P2) -> place[k] = P2
    :: !STAYS_IN_PLACE && (to & P3) -> place[k] = P3
    fi;
    f[d].own = f[d].own | K(k)
  };
#ifdef MUTATION_JOURNAL
  atomic { exists = exists | K(k); check() }; /* before the intention is published */
#endif
  say(INTEND, k);
#ifdef MUTATION_L1
  atomic { if :: exists = exists | K(k) :: f[d].unfinished = f[d].unfinished & ~K(k); k = r_cur fi }; /* id= in the URI */
#else
  atomic { exists = exists | K(k); check() };
#endif
  now();
  say(NAME_NEXT, k);
  k = 0
}

/* I3: a change that returns normally has its effect. Under the change lock, so nothing else has changed the key since. */
inline effect() {
  if
  :: f[d].ver != 0 && !f[d].removing ->
    assert(f[d].nxt == 0 && f[d].unfinished == 0 && f[d].old == 0);
    assert(OPENS(to, f[d].cur));
    assert(kind == ABORT || f[d].cur != before);
    assert(kind != ABORT || f[d].cur == before);
    for (w : 0 .. VALUES - 1) { assert(f[d].file[w] == 0 || f[d].file[w] == f[d].cur) }
    w = 0
  :: else
  fi
}

/* One that changes the key: opens the store with a provider, and calls. Where it is killed it opens it afresh. */
proctype changer(byte folder) {
  PROCESS;
  byte ops = OPS, kind, to, todo, before;
again:
  {
#if FOLDERS > 1
    atomic { f[folder].ver != 0 -> d = folder };
#else
    d = folder;
#endif
    do
    :: atomic { ops == 0 -> goto done }
    :: atomic { ops > 0 && r_ver == 0 ->
        if
        :: prov = OPENS_WITH
        :: OPENS_ALSO != OPENS_WITH -> prov = OPENS_ALSO
        fi
      };
#if MAKES
      openOrMake();
#else
      load();
#endif
      if
      :: atomic { err != OK -> ops--; forgetKeyring() } /* another provider, if any */
      :: atomic { err == OK && (f[d].old | f[d].unfinished) != 0 && f[d].change == 0 -> f[d].change = ME }; /* if it is free */
        destroyOld(prov);
        atomic { f[d].change = 0; left = 0 }
      :: else
      fi
    :: atomic { ops > 0 && r_ver != 0 ->
        ops--;
        if
        :: (CHANGES) & ROTATE -> kind = ROTATE; to = prov
        :: (CHANGES) & REKEY -> kind = REKEY; to = GOES_TO
        :: ((CHANGES) & REKEY) && GOES_ALSO != GOES_TO -> kind = REKEY; to = GOES_ALSO
        :: (CHANGES) & ABORT -> kind = ABORT; to = prov
        fi
      };
#ifndef MUTATION_B0
      atomic { f[d].change == 0 -> f[d].change = ME };
#endif
      now();
      before = r_cur;
#ifndef MUTATION_L5
      if
      :: !OPENS(prov, r_cur) -> goto failed /* 1 */
      :: else
      fi;
#endif
      if
      :: kind == ABORT ->
        if
        :: r_nxt == 0 -> goto failed
        :: else -> giveUp()
        fi;
        destroyOld(prov)
      :: kind != ABORT ->
        if
        :: r_nxt != 0 && r_abandoned -> giveUp()
        :: else
        fi;
        if
        :: r_nxt != 0 && CONTINUES -> skip
#ifndef MUTATION_L4
        :: r_nxt != 0 && !CONTINUES && to != prov && OPENS(prov, r_nxt) && place[r_nxt] == place[r_cur] ->
          reencrypt();
          promote(prov)
        :: r_nxt != 0 && !CONTINUES && !(to != prov && OPENS(prov, r_nxt) && place[r_nxt] == place[r_cur]) ->
          goto failed /* KEY_INVALID, which names both keys */
#endif
        :: else
        fi;
        if
        :: r_nxt == 0 ->
          destroyOld(prov | to);
          begin()
        :: else
        fi;
        reencrypt();
        seen = prov; /* what was the store's before */
        promote(to);
        destroyOld(seen | to);
        seen = 0
      fi;
      d_step { if :: !left -> effect() :: else fi };
failed:
      atomic {
        f[d].change = (f[d].change == ME -> 0 : f[d].change);
        kind = 0; to = 0; todo = 0; before = 0; left = 0; seen = 0; k = 0; v = 0; err = 0
      };
      if
      :: skip
      :: ops > 0 -> forgetKeyring() /* another process */
      fi
    od;
done:
    dead[_pid] = 1
  } unless {
    atomic {
      dead[_pid];
      dead[_pid] = 0;
      kind = 0; to = 0; todo = 0; before = 0; left = 0; seen = 0; k = 0; v = 0; w = 0; err = 0;
      forgetRead();
      forgetKeyring()
    };
    goto again
  }
}

/* ---------------------------------------------------------------------------------------------------- who else there is */

/* A service: opens the store, works, idle in between for as long as it likes. */
proctype service(byte set, writes, reads, making) {
  PROCESS;
  {
    prov = set;
    if
    :: making -> openOrMake()
    :: !making -> load()
    fi;
    do
    :: atomic { err != OK || (writes == 0 && reads == 0) -> break }
    :: atomic { err == OK && writes > 0 -> writes--; if :: v = 0 :: VALUES > 1 -> v = VALUES - 1 fi };
      write();
      v = 0
    :: atomic { err == OK && reads > 0 -> reads--; if :: v = 0 :: VALUES > 1 -> v = VALUES - 1 fi };
      read();
      v = 0
    od;
    dead[_pid] = 1
  } unless {
    atomic { dead[_pid]; forgetRead(); forgetKeyring(); v = 0; w = 0; k = 0; seen = 0; err = 0; writes = 0; reads = 0; left = 0 }
  }
}

/* One that begins, accepts or ends records of rollbacks: publishes without the change lock. */
proctype recorder() {
  PROCESS;
  {
    prov = OPENS_WITH;
    load();
    if
    :: err == OK -> refresh()
    :: else
    fi;
    if
    :: err == OK -> publish(RECORD, 0)
    :: else
    fi;
    dead[_pid] = 1
  } unless {
    atomic { dead[_pid]; forgetRead(); forgetKeyring(); w = 0; err = 0 }
  }
}

/* One that removes the store. */
proctype remover(byte set) {
  PROCESS;
  {
    prov = set;
    load();
    if
    :: err == OK -> removeStore()
    :: else
    fi;
    dead[_pid] = 1
  } unless {
    atomic { dead[_pid]; forgetRead(); forgetKeyring(); k = 0; w = 0; err = 0; left = 0 }
  }
}

#if FOLDERS > 1
/* A copy of the whole folder at one moment. Its keys are recorded as those of the first. */
proctype copier() {
  d_step {
    f[1].ver = f[0].ver;
    f[1].cur = f[0].cur;
    f[1].nxt = f[0].nxt;
    f[1].abandoned = f[0].abandoned;
    f[1].removing = f[0].removing;
    f[1].old = f[0].old;
    f[1].unfinished = f[0].unfinished;
    f[1].epoch = f[0].epoch;
    f[1].file[0] = f[0].file[0]
#ifdef LIMIT_IMAGE
    ;
    f[1].own = f[0].own /* a copy below the file system: the same inode, the same time of birth */
#endif
  }
}
#endif

/* SIGKILL: the kernel frees the locks. */
proctype killer(byte last) {
  byte p, d, w;
end:
  do
  :: atomic {
      kills > 0;
      p = 1;
      do
      :: p < last -> p++
      :: break
      od;
      if
      :: !dead[p] ->
        kills--;
        dead[p] = 1;
        for (d : 0 .. FOLDERS - 1) {
          f[d].change = (f[d].change == p -> 0 : f[d].change);
          if
          :: f[d].whole == p ->
            f[d].whole = 0;
            if
            :: f[d].making != 0 -> /* There is no metadata yet that could name it. */
              callers = callers | K(f[d].making);
              f[d].making = 0
            :: else
            fi
          :: else
          fi;
          for (w : 0 .. VALUES - 1) { f[d].stripe[w] = (f[d].stripe[w] == p -> 0 : f[d].stripe[w]) }
        }
      :: else
      fi;
      p = 0;
      d = 0;
      w = 0
    }
  od
}

init {
  byte i;
  atomic {
#if !START_EMPTY
    versions = 2;
    keys = 2;
    exists = K(1);
    place[1] = OPENS_WITH & ~(OPENS_WITH & (OPENS_WITH - 1));
#ifdef FIRST_KEY_AT
    place[1] = FIRST_KEY_AT;
#endif
    f[0].ver = 2;
    f[0].epoch = 2;
    f[0].cur = 1;
    f[0].own = K(1);
    for (i : 1 .. FILES) { f[0].file[i - 1] = 1 }
    i = 0;
#if CALLERS_ID
    callers = K(1);
#endif
#endif
    do :: i < CHANGERS -> run changer(0); i++ :: i == CHANGERS -> i = 0; break od;
    do :: i < COPY_CHANGERS -> run changer(1); i++ :: i == COPY_CHANGERS -> i = 0; break od;
    do :: i < SERVICES -> run service(SERVICE_HAS, WRITES, READS, MAKES); i++ :: i == SERVICES -> i = 0; break od;
    do :: i < RECORDERS -> run recorder(); i++ :: i == RECORDERS -> i = 0; break od;
    do :: i < REMOVERS -> run remover(OPENS_WITH); i++ :: i == REMOVERS -> i = 0; break od;
#if FOLDERS > 1
    run copier();
#endif
#if KILLS > 0
    run killer(CHANGERS + COPY_CHANGERS + SERVICES + RECORDERS + REMOVERS)
#endif
  }
}
