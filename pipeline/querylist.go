package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/pairloom/pairloom/queries"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/query/match"
)

// QueryList is the list that the settings name, read when it is first asked for.
// Its methods may be called from any goroutine.
type QueryList struct {
	dir, name string
	once      sync.Once
	list      *query.List
	err       error
}

// NewQueryList names a list: the one that ships by [queries.Name], or a file,
// whose path is relative to dir.
func NewQueryList(dir, name string) *QueryList { return &QueryList{dir: dir, name: name} }

// Get is the list. A list that cannot be had is a [ConfigurationError].
func (q *QueryList) Get() (*query.List, error) {
	q.once.Do(func() {
		if q.name == queries.Name {
			q.list, q.err = query.Read(q.name, queries.List)
			return
		}
		path := resolve(q.dir, q.name)
		if q.list, q.err = query.Open(path); errors.Is(q.err, fs.ErrNotExist) {
			q.err = fmt.Errorf("match.queries names %s, which is no file; the list that ships is called %s", path, queries.Name)
		}
		if q.err != nil {
			q.err = &ConfigurationError{q.err}
		}
	})
	return q.list, q.err
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
	list, mode, err := q.modeOf(modeName)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(q.dir, compiledName)
	m, err := match.Open(path, list.Hash, mode)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, match.ErrDamaged) || errors.Is(err, match.ErrOther) {
		if err := match.Compile(path, list.Texts(), list.Hash, mode); err != nil {
			return nil, err
		}
		m, err = match.Open(path, list.Hash, mode)
	}
	return m, err
}

// readerOf is a matcher for a process that may not write: of the list that has
// the hash, as it was compiled when the last match ran. Where that is no longer
// there, it is of today's list, compiled in memory. same says that today's list
// has the hash.
func (q *QueryList) readerOf(hash, modeName string) (m *match.Matcher, same bool, err error) {
	list, mode, err := q.modeOf(modeName)
	if err != nil {
		return nil, false, err
	}
	same = list.Hash == hash
	if m, err = match.Open(filepath.Join(q.dir, compiledName), hash, mode); err != nil {
		m = match.NewMode(list.Texts(), mode)
	}
	return m, same, nil
}

func (q *QueryList) modeOf(name string) (*query.List, match.Mode, error) {
	list, err := q.Get()
	if err != nil {
		return nil, 0, err
	}
	mode, err := match.ParseMode(name)
	return list, mode, err
}
