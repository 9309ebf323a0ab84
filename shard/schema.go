package shard

// Column is a column of the shards, for those who describe them.
type Column struct {
	Name string
	Type string // string, image, int32, int64, uint32, uint64, or list of uint32
}

// PairColumns lists the columns of the shards, in order.
func PairColumns() []Column {
	names := map[kind]string{
		kindString: "string", kindBytes: "image", kindInt32: "int32", kindInt64: "int64",
		kindUint32: "uint32", kindUint64: "uint64", kindUint32List: "list of uint32",
	}
	var list []Column
	for _, c := range pairColumns {
		list = append(list, Column{c.name, names[c.kind]})
	}
	return list
}
