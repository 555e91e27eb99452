// The words of headers of voter lists, and what they are for; vote-cli has the same (testdata/rolls.json). A column of the kinds with a `?` is only
// taken if no other is there.

export const WORDS: Record<string, string[]> = {
  "id": [
    "id", "identifier", "id no", "id number", "member id", "member no", "member nr", "member number", "membership id", "membership no",
    "membership number", "voter id", "voter no", "voter number", "person id", "user id", "student id", "student no", "student number",
    "employee id", "employee number", "staff number", "registration number", "mitgliedsnummer", "mitgliedsnr", "mitglieds nr",
    "mitglied nr", "mitglieds id", "personalnummer", "matrikelnummer", "kennung", "no de membre", "n de membre", "numéro de membre",
    "numéro d adhérent", "matricule", "identifiant", "número de socio", "nº de socio", "número de miembro", "identificador",
  ],
  "id?": [
    "no", "nr", "number", "#", "nummer", "lfd nr", "numéro", "número", "nº",
  ],
  "name": [
    "name", "names", "nom", "nombre",
  ],
  "full name": [
    "full name", "fullname", "complete name", "display name", "member name", "name of member", "voter name", "name of voter",
    "first and last name", "name surname", "surname name", "vollständiger name", "voller name", "namen", "vorname name", "vorname nachname",
    "name vorname", "nachname vorname", "nom complet", "nom et prénom", "nom prénom", "prénom nom", "prénom et nom", "nombre completo",
    "nombre y apellidos", "apellidos y nombre",
  ],
  "name?": [
    "member", "members", "voter", "voters", "elector", "electors", "person", "people", "participant", "participants", "attendee",
    "attendees", "delegate", "delegates", "student", "students", "employee", "employees", "shareholder", "shareholders", "owner", "owners",
    "resident", "residents", "user", "users", "mitglied", "mitglieder", "wähler", "wählerin", "wählende", "stimmberechtigte",
    "stimmberechtigter", "personen", "teilnehmer", "teilnehmende", "delegierte", "studierende", "mitarbeiter", "mitarbeitende",
    "eigentümer", "membre", "membres", "électeur", "électeurs", "électrice", "votant", "votants", "adhérent", "adhérents", "participante",
    "personne", "personnes", "étudiant", "étudiants", "miembro", "miembros", "votante", "votantes", "electores", "socio", "socios",
    "persona", "personas", "participantes",
  ],
  "first name": [
    "first name", "firstname", "first", "first names", "given name", "given names", "forename", "forenames", "vorname", "vornamen",
    "prénom", "prénoms", "prenom", "nombres", "nombre de pila",
  ],
  "last name": [
    "last name", "lastname", "last", "last names", "surname", "surnames", "family name", "nachname", "familienname", "zuname",
    "nom de famille", "apellido", "apellidos",
  ],
  "contact": [
    "contact", "kontakt", "contacto",
  ],
  "email": [
    "email", "e mail", "mail", "emails", "email address", "e mail address", "emailaddress", "mail address", "email id", "email 1",
    "e mail 1", "e mail 1 value", "primary email", "contact email", "e mail adresse", "email adresse", "emailadresse", "mailadresse",
    "mail adresse", "courriel", "adresse courriel", "adresse e mail", "adresse email", "adresse mail", "adresse électronique", "mél",
    "correo", "correo electrónico", "correo electronico", "dirección de correo", "dirección de correo electrónico",
  ],
  "weight": [
    "weight", "weights", "votes", "number of votes", "no of votes", "voting power", "voting weight", "voting rights", "shares",
    "number of shares", "gewicht", "stimmen", "anzahl stimmen", "stimmenzahl", "stimmgewicht", "anteile", "poids", "voix", "nombre de voix",
    "parts", "nombre de parts", "peso", "votos", "número de votos", "participaciones",
  ],
  "key": [
    "key", "public key", "publickey", "pubkey", "voter key", "schlüssel", "öffentlicher schlüssel", "clé", "clé publique", "clave",
    "clave pública",
  ],
  "group": [
    "group", "gruppe", "groupe", "grupo", "section", "sektion", "department", "abteilung",
  ],
};
