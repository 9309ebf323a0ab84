package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/pairloom/pairloom/internal/lines"
	"github.com/pairloom/pairloom/internal/spelling"
)

// FileName is the configuration's name in a dataset's folder.
const FileName = "pairloom.yaml"

// Load reads the file at path. Its error lists every fault, one a line.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no configuration %s; make one with: pairloom init %s", path, strings.TrimSuffix(strings.TrimSuffix(path, FileName), "/"))
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return parse(path, data)
}

// Defaults is the configuration in which each key has its default.
func Defaults() (*Config, error) { return parse(FileName, nil) }

func parse(name string, data []byte) (*Config, error) {
	c := &Config{}
	if err := Decode(name, data, c, c.Validate); err != nil {
		return nil, err
	}
	return c, nil
}

// Decode fills target, a pointer to a struct with the tags of an Options, from
// the YAML of the file name, as strictly as Load does. validate, which looks at
// target when every key is right, reports the rest. The error lists every fault.
func Decode(name string, data []byte, target any, validate func() error) error {
	section := reflect.ValueOf(target).Elem()
	var faults []error
	walk(section, func(path string, f field) {
		if err := f.setDefault(); err != nil {
			faults = append(faults, err)
		}
	})
	for line, err := range lines.Each(bytes.NewReader(data)) {
		if err == nil {
			err = line.Check()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	// The parser takes a byte order mark for a part of the first key, and counts
	// a line twice that ends in CRLF.
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\uFEFF")), []byte("\r\n"), []byte("\n"))
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d := decoder{name: name}
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType && doc.Body.Type() != ast.NullType {
			d.section(section, "", doc.Body)
		}
	}
	if len(file.Docs) > 1 {
		faults = append(faults, fmt.Errorf("%s: it holds %d documents; want one", name, len(file.Docs)))
	}
	faults = append(faults, d.faults...)
	if len(faults) == 0 {
		if err := validate(); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(faults...)
}

// decoder fills the struct from the syntax tree and collects faults.
type decoder struct {
	name   string
	faults []error
}

func (d *decoder) fault(at ast.Node, key, format string, args ...any) {
	p := at.GetToken().Position
	d.faults = append(d.faults, fmt.Errorf("%s:%d:%d: %s: %s", d.name, p.Line, p.Column, key, fmt.Sprintf(format, args...)))
}

func (d *decoder) section(section reflect.Value, prefix string, node ast.Node) {
	var pairs []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	case *ast.NullNode:
		return
	default:
		d.fault(node, strings.TrimSuffix(prefix, "."), "expected keys with values, found %s", describe(node))
		return
	}
	known := map[string]field{}
	for _, f := range fields(section) {
		known[f.Key] = f
	}
	seen := map[string]bool{}
	for _, pair := range pairs {
		key := pair.Key.GetToken().Value
		f, ok := known[key]
		switch {
		case !ok:
			d.fault(pair.Key, prefix+key, "unknown key%s", nearest(key, known))
		case seen[key]:
			d.fault(pair.Key, prefix+key, "the key stands here twice")
		case f.Section():
			d.section(f.Value, prefix+key+".", pair.Value)
		default:
			d.leaf(f, prefix+key, pair.Value)
		}
		seen[key] = true
	}
}

func (d *decoder) leaf(f field, key string, node ast.Node) {
	if f.Value.Kind() == reflect.Slice {
		d.list(f, key, node)
		return
	}
	text, ok := scalar(node, f)
	if !ok || !f.set(text) {
		d.fault(node, key, "expected %s, found %s", f.expected(), describe(node))
	}
}

func (d *decoder) list(f field, key string, node ast.Node) {
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		d.fault(node, key, "expected %s, found %s", f.expected(), describe(node))
		return
	}
	list := []string{}
	for _, v := range seq.Values {
		switch v.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode:
			list = append(list, v.GetToken().Value)
		default:
			d.fault(v, key, "expected %s, found %s in it", f.expected(), describe(v))
			return
		}
	}
	f.Value.Set(reflect.ValueOf(list))
}

// scalar returns the text of a node whose YAML type suits the field: a quoted
// number is a text and not a number.
func scalar(node ast.Node, f field) (string, bool) {
	kind := f.Value.Kind()
	duration := f.Value.Type() == durationType
	text := node.GetToken().Value
	if (f.Value.CanInt() || f.Value.CanFloat()) && !duration {
		return plainNumber(node)
	}
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, kind == reflect.String || duration
	case *ast.LiteralNode:
		return n.Value.Value, kind == reflect.String
	case *ast.BoolNode:
		return text, kind == reflect.Bool
	case *ast.IntegerNode:
		// A bare 0 is the one duration that needs no unit.
		return text, kind == reflect.String || duration && text == "0"
	case *ast.FloatNode:
		return text, kind == reflect.String
	}
	return "", false
}

// decimal is a number with base ten of YAML 1.2's core schema (10.3.2), whole or
// not. The parser takes those with an exponent and no point for texts.
var decimal = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// plainNumber returns a number of the core schema with base ten; 0x1F and 0o17
// are whole numbers too. As before YAML 1.2, 1_000 is a thousand.
func plainNumber(node ast.Node) (string, bool) {
	text := node.GetToken().Value
	switch node.(type) {
	case *ast.StringNode:
		if node.GetToken().Type != token.StringType { // quoted
			return "", false
		}
	case *ast.IntegerNode:
		text = strings.ReplaceAll(text, "_", "")
	case *ast.FloatNode:
	default:
		return "", false
	}
	for prefix, base := range map[string]int{"0x": 16, "0o": 8} {
		if digits, ok := strings.CutPrefix(text, prefix); ok {
			n, err := strconv.ParseUint(digits, base, 63)
			return strconv.FormatUint(n, 10), err == nil
		}
	}
	return text, decimal.MatchString(text)
}

func describe(node ast.Node) string {
	if _, ok := plainNumber(node); ok {
		return node.GetToken().Value
	}
	switch node.(type) {
	case *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value + ", which is no finite number"
	case *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode:
		return fmt.Sprintf("the text %q", node.GetToken().Value)
	}
	return node.GetToken().Value
}

// nearest suggests the known key that was probably meant.
func nearest(key string, known map[string]field) string {
	best := spelling.Nearest(key, slices.Collect(maps.Keys(known)), 3)
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
