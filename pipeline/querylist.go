package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"weak"

	"github.com/pairloom/pairloom/queries"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/query/match"
)

// QueryList is the list that the settings name. It is read when it is first asked
// for, and again when it is asked for after the garbage collector took it: a stage
// that needs its hash alone is not left with a tenth of a gigabyte. Its methods
// may be called from any goroutine.
type QueryList struct {
	dir, name string
	mu        sync.Mutex
	list      weak.Pointer[query.List]
	hash      string // of the list's content, once it was read
}

// NewQueryList names a list: the one that ships by [queries.Name], or a file,
// whose path is relative to dir.
func NewQueryList(dir, name string) *QueryList { return &QueryList{dir: dir, name: name} }

// Get is the list. A list that cannot be had is a [ConfigurationError].
func (q *QueryList) Get() (*query.List, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if list := q.list.Value(); list != nil {
		return list, nil
	}
	list, err := q.read()
	if err != nil {
		return nil, &ConfigurationError{err}
	}
	q.list, q.hash = weak.Make(list), list.Hash
	return list, nil
}

func (q *QueryList) read() (*query.List, error) {
	if q.name == queries.Name {
		return query.Read(q.name, queries.List)
	}
	path := resolve(q.dir, q.name)
	list, err := query.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("match.queries names %s, which is no file; the list that ships is called %s", path, queries.Name)
	}
	return list, err
}

// Hash is that of the list's content.
func (q *QueryList) Hash() (string, error) {
	q.mu.Lock()
	hash := q.hash
	q.mu.Unlock()
	if hash != "" {
		return hash, nil
	}
	list, err := q.Get()
	if err != nil {
		return "", err
	}
	return list.Hash, nil
}

// resolve takes a path of the configuration relative to the dataset's folder.
func resolve(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// compiledName is the file of the compiled query list. It can be made again at
// any time, and is when it is missing, damaged or of another list or mode.
const compiledName = "queries.match"

// matcher maps the compiled list, which is compiled first where needed; the
// caller closes it. Only a process that holds the lock may ask for it.
func (q *QueryList) matcher(modeName string) (*match.Matcher, error) {
	hash, err := q.Hash()
	if err != nil {
		return nil, err
	}
	mode, err := match.ParseMode(modeName)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(q.dir, compiledName)
	m, err := match.Open(path, hash, mode)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, match.ErrDamaged) || errors.Is(err, match.ErrOther) {
		list, err := q.Get()
		if err != nil {
			return nil, err
		}
		if err := match.Compile(path, list.Texts(), list.Hash, mode); err != nil {
			return nil, err
		}
		return match.Open(path, list.Hash, mode)
	}
	return m, err
}

// decidedList is the list of a run that is over, as far as it is still there.
type decidedList struct {
	matcher *match.Matcher
	exact   bool        // the matcher is of the list of the run
	names   *query.List // of the run; nil when it is no longer there
}

// readerOf is what is left of the list that has the hash, for a process that may
// not write: as it was compiled when the last match ran, or from the list's file.
// Where neither is left, the matcher is of today's list.
func (q *QueryList) readerOf(hash, modeName string) (d decidedList, err error) {
	mode, err := match.ParseMode(modeName)
	if err != nil {
		return d, err
	}
	list, listErr := q.Get()
	if listErr == nil && list.Hash == hash {
		d.names = list
	}
	if d.matcher, err = match.Open(filepath.Join(q.dir, compiledName), hash, mode); err == nil {
		d.exact = true
		return d, nil
	}
	if listErr != nil {
		return d, listErr
	}
	d.matcher, d.exact = match.NewMode(list.Texts(), mode), d.names != nil
	return d, nil
}
