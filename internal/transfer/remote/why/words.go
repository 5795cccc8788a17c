package why

// Words are what is so, and what to do.
type Words struct{ Says, Do string }

// The languages.
const (
	english = iota
	swedish
)

// Words returns what people who read a language (en, sv) are told of a reason.
func (c Code) Words(language string) Words {
	all, ok := words[c]
	if !ok {
		all = words[""]
	}
	if language == "sv" {
		return all[swedish]
	}
	return all[english]
}

var words = map[Code][2]Words{
	UnknownHost: {
		{"nobody knows the name of the server", "check how it is written in the address"},
		{"ingen känner till serverns namn", "kontrollera hur det är skrivet i adressen"},
	},
	NoLookup: {
		{"the name of the server cannot be looked up now", "nothing yet; if it stays so, see to the DNS of the gateway's machine"},
		{"serverns namn går inte att slå upp just nu", "inget än; består det, se över DNS på gatewayens maskin"},
	},
	OwnNet: {
		{"the address lies in a network that the gateway does not call", "give a public address, or have who runs the gateway allow the network"},
		{"adressen ligger i ett nät som gatewayen inte ansluter till", "ange en publik adress, eller låt den som driver gatewayen tillåta nätet"},
	},
	NoAnswer: {
		{"the server does not answer", "see that the server runs and that its firewall lets the gateway in"},
		{"servern svarar inte", "se till att servern är igång och att dess brandvägg släpper in gatewayen"},
	},
	NotListened: {
		{"the server is there, but nothing answers at its port", "check the port in the address, and that the server is running"},
		{"servern finns, men inget svarar på dess port", "kontrollera porten i adressen, och att servern är igång"},
	},
	Unreachable: {
		{"there is no way to the server", "check address, port and firewall"},
		{"det går inte att nå servern", "kontrollera adress, port och brandvägg"},
	},
	Cut: {
		{"the connection was cut", "see the server's log and what lies between"},
		{"förbindelsen bröts", "se serverns logg och vad som ligger däremellan"},
	},
	HungUp: {
		{"the server hangs up before the sign-in is over", "ask who runs it whether it lets this address in and has room for one more"},
		{"servern lägger på innan inloggningen är klar", "fråga den som driver den om den släpper in den här adressen och har plats för en till"},
	},
	NotSpoken: {
		{"what answers at the port does not speak the protocol of the address", "check the port, and whether the address begins with sftp, ftps or ftpes"},
		{"det som svarar på porten talar inte adressens protokoll", "kontrollera porten, och om adressen ska börja med sftp, ftps eller ftpes"},
	},
	Busy: {
		{"the server cannot do it now", "nothing yet; the gateway tries again by itself"},
		{"servern kan inte göra det just nu", "inget än; gatewayen försöker igen av sig själv"},
	},
	Identity: {
		{"the server shows another key or certificate than was confirmed", "ask who runs the server whether it was changed; if so, test the remote and confirm the new fingerprint"},
		{"servern visar en annan nyckel eller ett annat certifikat än det som bekräftats", "fråga den som driver servern om den har bytts; prova i så fall fjärrservern och bekräfta det nya fingeravtrycket"},
	},
	NotConfirmed: {
		{"nobody has confirmed that it is the right server", "test the remote, compare the fingerprint with who runs the server, and confirm it"},
		{"ingen har bekräftat att det är rätt server", "prova fjärrservern, jämför fingeravtrycket med den som driver servern och bekräfta det"},
	},
	NotTrusted: {
		{"the server's certificate is not trusted", "compare its fingerprint with who runs the server and confirm it, or have them install one from a public authority"},
		{"serverns certifikat är inte betrott", "jämför dess fingeravtryck med den som driver servern och bekräfta det, eller låt dem skaffa ett från en publik utfärdare"},
	},
	TooOld: {
		{"the server offers only encryption that is no longer safe", "ask who runs the server to update it"},
		{"servern erbjuder bara kryptering som inte längre är säker", "be den som driver servern att uppdatera den"},
	},
	OldOver: {
		{"old algorithms were allowed for the server until a day that has passed", "ask who runs the server to update it, or have another day set"},
		{"gamla algoritmer tilläts för servern till en dag som har passerat", "be den som driver servern att uppdatera den, eller låt sätta en ny dag"},
	},
	NoTLS: {
		{"the server and the gateway do not agree on encryption (TLS)", "ask who runs the server to switch on TLS 1.2 or 1.3, also for data connections"},
		{"servern och gatewayen kommer inte överens om kryptering (TLS)", "be den som driver servern att slå på TLS 1.2 eller 1.3, även för dataförbindelser"},
	},
	NoSecret: {
		{"there is neither a password nor a key for the address", "give one under Change"},
		{"det finns varken lösenord eller nyckel för adressen", "ange en under Ändra"},
	},
	SignIn: {
		{"the server refuses the sign-in", "check username, password and key with who runs the server"},
		{"servern nekar inloggningen", "stäm av användarnamn, lösenord och nyckel med den som driver servern"},
	},
	NoSFTP: {
		{"the login may sign in, but is not given SFTP", "ask who runs the server to allow SFTP for it"},
		{"kontot får logga in, men inte använda SFTP", "be den som driver servern att tillåta SFTP för det"},
	},
	NotThere: {
		{"the folder, or something in it, is not there for this login", "see that the folder exists, or change the address"},
		{"katalogen, eller något i den, finns inte för den här inloggningen", "se till att katalogen finns, eller ändra adressen"},
	},
	NoRight: {
		{"the server does not allow this to the login", "ask who runs the server to give it the right"},
		{"servern tillåter inte detta för inloggningen", "be den som driver servern att ge den rättigheten"},
	},
	ServerFull: {
		{"there is no room left on the server", "ask who runs the server to make room"},
		{"utrymmet på servern är slut", "be den som driver servern att göra plats"},
	},
	Taken: {
		{"something with this name is on the server already", "rename or remove it there"},
		{"det finns redan något med det namnet på servern", "döp om eller ta bort det där"},
	},
	Refused: {
		{"the server refuses it", "ask who runs the server, with its answer below"},
		{"servern säger nej", "fråga den som driver servern, med dess svar nedan"},
	},
	Wrong: {
		{"the server answers in a way that cannot be relied on", "ask who runs the server to look at it"},
		{"servern svarar på ett sätt som inte går att lita på", "be den som driver servern att titta på den"},
	},
	DataPort: {
		{"the server cannot be reached at the port that it names for data", "ask who runs the server to let the ports of its passive mode through"},
		{"servern går inte att nå på den port den anger för data", "be den som driver servern att öppna portarna för passivt läge"},
	},
	Endless: {
		{"there are more files on the server than can be looked at", "move files that are done to another folder there"},
		{"det finns fler filer på servern än som går att se över", "flytta färdiga filer till en annan katalog där"},
	},
	BadName: {
		{"the name cannot be that of a file; it is not fetched", "rename it on the server"},
		{"namnet kan inte vara ett filnamn; den hämtas inte", "döp om den på servern"},
	},
	TooLarge: {
		{"the file is larger than may be fetched", "have it split, or the limit raised"},
		{"filen är större än vad som får hämtas", "låt dela upp den, eller höja gränsen"},
	},
	Changed: {
		{"the file was changed while it was fetched", "nothing; it is fetched when it stays as it is"},
		{"filen ändrades medan den hämtades", "inget; den hämtas när den ligger stilla"},
	},
	NotRemoved: {
		{"the file was fetched and is safe, but could not be deleted or moved there", "ask who runs the server to give the login the right"},
		{"filen är hämtad och säker, men gick inte att ta bort eller flytta där", "be den som driver servern att ge inloggningen rättigheten"},
	},
	OldMarker: {
		{"the done-marker is older than the file, so it is about the one before", "have the marker written again"},
		{"markeringen är äldre än filen och gäller alltså den förra", "låt skriva markeringen på nytt"},
	},
	NoSize: {
		{"the server does not tell enough of the file to know that it is whole or the same", "ask who runs the server to update it"},
		{"servern berättar inte nog om filen för att veta att den är hel eller densamma", "be den som driver servern att uppdatera den"},
	},
	NotWritten: {
		{"the file could not be written there", "ask who runs the server whether its disk is full"},
		{"filen gick inte att skriva där", "fråga den som driver servern om disken är full"},
	},
	AnswerLost: {
		{"the connection broke just when the file was given its name: nobody here knows whether it has arrived", "ask who runs the server, then say which it is on the remote's page"},
		{"förbindelsen bröts just när filen fick sitt namn: ingen här vet om den kommit fram", "fråga den som driver servern, och ange sedan vilket på fjärrserverns sida"},
	},
	OverTime: {
		{"the visit took longer than it may", "see whether the server, or the way to it, is slow"},
		{"besöket tog längre tid än det får", "se om servern, eller vägen dit, är långsam"},
	},
	TooSlow: {
		{"the server, or the way to it, is so slow that it is not waited for", "ask who runs the server; see what else loads it and the line"},
		{"servern, eller vägen dit, är så långsam att den inte inväntas", "fråga den som driver servern; se vad mer som belastar den och linjen"},
	},
	NoTurn: {
		{"so many visits are paid at the server's address that there was no turn for this one", "nothing; it is tried again soon"},
		{"så många besök pågår på serverns adress att det inte blev någon tur för det här", "inget; det görs ett nytt försök snart"},
	},
	SomeFiles: {
		{"some files could not be transferred", "the remote's page says which one and why"},
		{"vissa filer gick inte att överföra", "fjärrserverns sida säger vilken och varför"},
	},
	NotAllowed: {
		{"an operator has said where the files go, and may not see the account's contents", "an admin of the account sets the remote up anew, or lets operators see the contents"},
		{"en operatör har bestämt vart filerna går, och får inte se kontots innehåll", "en administratör för kontot lägger upp fjärrservern på nytt, eller ger operatörer insyn"},
	},

	// Kinds of errors.
	"denied": {
		{"the server or the gateway's rules refuse it", "see that password or key, rights and address are right; test the remote"},
		{"servern eller gatewayens regler tillåter det inte", "se till att lösenord eller nyckel, rättigheter och adress stämmer; prova fjärrservern"},
	},
	"invalid": {
		{"what the remote is set to does not fit the server", "test the remote; it says what to change"},
		{"fjärrserverns inställningar passar inte servern", "prova fjärrservern; där står vad som behöver ändras"},
	},
	"not-found": {
		{"something that was looked for is not there", "test the remote; it says what"},
		{"något som söktes finns inte", "prova fjärrservern; där står vad"},
	},
	"locked": {
		{"what it is set to is sealed under a key that is not here", "unlock the account, or bring the key"},
		{"inställningarna är förseglade med en nyckel som inte finns här", "lås upp kontot, eller ta hit nyckeln"},
	},
	"full": {
		{"there is no room left at the gateway", "make room there"},
		{"utrymmet i gatewayen är slut", "gör plats där"},
	},
	"internal": {
		{"something went wrong in the gateway; nothing was changed", "nothing yet; if it stays so, tell who runs the gateway"},
		{"något gick fel i gatewayen; inget har ändrats", "inget än; består det, säg till den som driver gatewayen"},
	},
	"": { // any other
		{"its visits go wrong", "test the remote; it says what goes wrong at which step"},
		{"besöken går fel", "prova fjärrservern; där står vad som går fel i vilket steg"},
	},
}
