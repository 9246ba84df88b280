//! Every backend obeys the laws; the ideal functionality comes first.

use privet_he::{Ideal, Rlwe, he_backend_laws};

he_backend_laws!(ideal, Ideal);
he_backend_laws!(rlwe, Rlwe);
