package operation

import (
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"sealgate/internal/portal"
)

// More says more about an operation in the API's description.
type More func(*huma.Operation)

// Takes says what the body of a request is.
func Takes(media string, schema *huma.Schema) More {
	return func(op *huma.Operation) {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{media: {Schema: schema}}}
	}
}

// Gives says what an answer is; media is "" for one without a body.
func Gives(status int, text, media string, schema *huma.Schema) More {
	return func(op *huma.Operation) {
		if op.Responses == nil {
			op.Responses = map[string]*huma.Response{}
		}
		resp := &huma.Response{Description: text}
		if media != "" {
			resp.Content = map[string]*huma.MediaType{media: {Schema: schema}}
		}
		op.Responses[strconv.Itoa(status)] = resp
	}
}

// Asks says what stands in the query, or (in "header") in the head.
func Asks(in, name, text string, required bool) More {
	return func(op *huma.Operation) {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: name, In: in, Description: text, Required: required, Schema: &huma.Schema{Type: huma.TypeString},
		})
	}
}

// Bytes is the schema of content.
func Bytes() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "binary"} }

// SchemaOf is the schema of a Go type, as it stands among the components.
func SchemaOf[T any](r *Router) *huma.Schema {
	t := reflect.TypeFor[T]()
	return r.huma.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

// problems are the answers that every operation may give.
func (r *Router) problems() map[string]*huma.Response {
	return map[string]*huma.Response{"default": {
		Description: "What went wrong, by a stable type",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: SchemaOf[portal.Problem](r)}},
	}}
}
