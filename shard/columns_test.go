package shard

import (
	"reflect"
	"testing"
)

// goTypes are the types of the fields that columns of each kind stand for.
var goTypes = map[kind]reflect.Type{
	kindString: reflect.TypeFor[string](), kindBytes: reflect.TypeFor[[]byte](), kindInt32: reflect.TypeFor[int32](), kindInt64: reflect.TypeFor[int64](),
	kindUint32: reflect.TypeFor[uint32](), kindUint64: reflect.TypeFor[uint64](), kindUint32List: reflect.TypeFor[[]uint32](),
}

// leaves lists the fields of a record with their offsets, those of embedded
// records too.
func leaves(t reflect.Type, base uintptr) map[uintptr]reflect.StructField {
	all := map[uintptr]reflect.StructField{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for at, inner := range leaves(f.Type, base+f.Offset) {
				all[at] = inner
			}
			continue
		}
		all[base+f.Offset] = f
	}
	return all
}

func testColumns[T Record](t *testing.T) {
	fields := leaves(reflect.TypeFor[T](), 0)
	for _, c := range layoutOf[T]().columns {
		f, ok := fields[c.offset]
		if !ok || f.Type != goTypes[c.kind] {
			t.Errorf("column %s points at %s %v, want a %v of its own", c.name, f.Name, f.Type, goTypes[c.kind])
		}
		delete(fields, c.offset)
	}
	for _, f := range fields {
		t.Errorf("field %s has no column", f.Name)
	}
}

// A column that pointed at a field of another type would read other memory.
func TestColumnsPointAtFieldsOfTheirKind(t *testing.T) {
	t.Run("candidate", testColumns[Candidate])
	t.Run("matched", testColumns[Matched])
	t.Run("image", testColumns[Image])
	t.Run("selection", testColumns[Selection])
	t.Run("pair", testColumns[Pair])
	t.Run("deletion", testColumns[Deletion])
	t.Run("place", testColumns[Place])
}
