package index

import (
	"sealgate/internal/index/bankgirot"
	"sealgate/internal/index/family"
	"sealgate/internal/index/iso20022"
)

// families are the formats that are read, in the order in which they are tried.
var families = []family.Family{
	iso20022.Family{},
	bankgirot.LB{},
}
