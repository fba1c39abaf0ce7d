/* How search results are ranked. Words that a reader asks with are index entries of the pages that answer (search.py) and come
   first, before the glossary's; then titles and texts; functions of the package last, since who looks for one of these knows its
   name. */
var Scorer = {
  score: ([page, , , description, score]) => score - (description === null ? 0 : 200) - (page === "glossary" ? 20 : 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
