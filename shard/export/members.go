package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/atomicfile"
)

// A subfolder's files are those that its table names: here, in _new/ before the first of
// them is written, and in the record where no table names them any more. What lies beside
// them is another's.

// isFolder tells whether a name that is there is that of a subfolder.
func (r *running) isFolder(name string) bool {
	return r.old != nil && layoutOf(&r.old.Options).folders && path.Ext(name) == ""
}

// named are the files that the table of a subfolder names, itself among them, and the
// table's sum; none where it is not there. Of a damaged table the lines that can be read
// count.
func (r *running) named(ctx context.Context, unit string) (names map[string]bool, sum string, err error) {
	data, err := readFile(ctx, r, unit+"/"+tableName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", faultAt(r, "read", unit+"/"+tableName, err)
	}
	names = map[string]bool{tableName: true}
	for line := range bytes.Lines(data) {
		var row known
		if json.Unmarshal(line, &row) == nil && safeName(row.FileName) && path.Base(row.FileName) == row.FileName {
			names[row.FileName] = true
		}
	}
	return names, fmt.Sprintf("%016x", xxhash.Sum64(data)), nil
}

// members counts the files of a subfolder that an export wrote, and removes those that a
// killed run left half written. It returns the others.
func (r *running) members(ctx context.Context, unit string, f File) (others []string, err error) {
	ours, sum, err := r.named(ctx, unit)
	if err != nil {
		return nil, err
	}
	left, _, err := r.named(ctx, stage+unit)
	if err != nil {
		return nil, err
	}
	for name := range left {
		if !ours[name] && name != tableName {
			r.going[unit+"/"+name] = true
		}
	}
	all := map[string]bool{tableName: true}
	maps.Copy(all, ours)
	maps.Copy(all, left)
	if f.XXH64 != "" && sum != f.XXH64 { // of a damaged table: what it named, as far as it is there still
		for _, p := range r.plan {
			if r.layout.folders && r.layout.names(p)[0] == unit {
				for batch, err := range p.batches(ctx, r.Dataset, &Options{Size: r.o.Size}, batchRows) {
					if err != nil {
						return nil, err
					}
					for i := range batch {
						all[pictureName(&batch[i])] = true
					}
				}
			}
		}
	}
	var p presence
	var half []string
	for e, err := range r.list(ctx, unit+"/") {
		if err != nil {
			return nil, err
		}
		whole := strings.TrimSuffix(e.name, atomicfile.Suffix)
		switch is := path.Dir(whole) == unit && all[path.Base(whole)] || r.going[whole]; {
		case !is && path.Dir(whole) == unit:
			others = append(others, e.name)
		case !is: // of a folder below, which was counted
		case whole != e.name:
			half = append(half, e.name)
		default:
			p = presence{p.bytes + e.size, p.members + 1}
		}
	}
	r.there[unit] = p
	for _, name := range half {
		if err := r.remove(ctx, name); err != nil {
			return nil, faultAt(r, "remove", name, err)
		}
	}
	return others, nil
}

// replaced notes the files of a subfolder that its new table, still in _new/, names no
// more.
func (r *running) replaced(ctx context.Context, unit string) error {
	ours, _, err := r.named(ctx, unit)
	if err != nil {
		return err
	}
	next, _, err := r.named(ctx, stage+unit)
	for name := range ours {
		if !next[name] {
			r.going[unit+"/"+name] = true
		}
	}
	return err
}

// sweep removes the files that no table names any more.
func (r *running) sweep(ctx context.Context) error {
	units := map[string]bool{}
	for name := range r.going {
		units[path.Dir(name)] = true
	}
	for unit := range units {
		ours, _, err := r.named(ctx, unit)
		if err != nil {
			return err
		}
		var names []string
		for e, err := range r.list(ctx, unit+"/") {
			if err != nil {
				return err
			}
			if r.going[e.name] && !ours[path.Base(e.name)] {
				names = append(names, e.name)
			}
		}
		if err := r.removeAll(ctx, names); err != nil {
			return err
		}
	}
	clear(r.going)
	return nil
}

// removeUnit removes a file, or of a subfolder what its table names, and that last.
func (r *running) removeUnit(ctx context.Context, name string) error {
	if !r.isFolder(name) {
		return r.removeAll(ctx, []string{name})
	}
	ours, _, err := r.named(ctx, name)
	if err != nil {
		return err
	}
	var names []string
	table := name + "/" + tableName
	for e, err := range r.list(ctx, name+"/") {
		if err != nil {
			return err
		}
		if path.Dir(e.name) == name && ours[path.Base(e.name)] && e.name != table {
			names = append(names, e.name)
		}
	}
	if ours != nil {
		names = append(names, table)
	}
	if strings.HasPrefix(name, stage) { // it lies there alone, and what it names elsewhere
		names = slices.DeleteFunc(names, func(n string) bool { return n != table })
	}
	return r.removeAll(ctx, names)
}

func (r *running) removeAll(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := r.remove(ctx, name); err != nil {
			return faultAt(r, "remove", name, err)
		}
		r.out.Removed++
	}
	return nil
}
