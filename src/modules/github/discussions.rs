//! Discussions: GitHub uses ids for writing, people use names and numbers.

use serde_json::{Value, json};

use super::{GRAPHQL, id, list, named, names, text};
use crate::engine::Session;
use crate::error::Error;
use crate::json::Object;

const CATEGORIES: &str = "query($owner: String!, $repo: String!) { repository(owner: $owner, name: $repo) { \
     id discussionCategories(first: 100) { nodes { id name slug } } } }";

const CREATE: &str = "mutation($repository: ID!, $category: ID!, $title: String!, $body: String!) { \
     createDiscussion(input: {repositoryId: $repository, categoryId: $category, title: $title, body: $body}) { \
     discussion { number title category { name } url } } }";

const DISCUSSION: &str = "query($owner: String!, $repo: String!, $number: Int!) { \
     repository(owner: $owner, name: $repo) { discussion(number: $number) { id } } }";

const COMMENT: &str = "mutation($discussion: ID!, $body: String!, $reply_to: ID) { \
     addDiscussionComment(input: {discussionId: $discussion, body: $body, replyToId: $reply_to}) { comment { id url } } }";

/// Starts a discussion in the category with this name.
pub(super) fn create_discussion(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let asked = json!({"owner": arguments["owner"], "repo": arguments["repo"]});
    let repository = &session.graphql(GRAPHQL, CATEGORIES, &asked)?["repository"];
    let category =
        category(&repository["discussionCategories"]["nodes"], text(arguments, "category"))?;
    let discussion = json!({
        "repository": id(repository)?, "category": id(category)?, "title": arguments["title"], "body": arguments["body"],
    });
    let created = &session.graphql(GRAPHQL, CREATE, &discussion)?["createDiscussion"]["discussion"];
    Ok(json!({
        "number": created["number"], "title": created["title"], "category": created["category"]["name"], "url": created["url"],
    }))
}

/// Writes a comment below a discussion, or below one of its comments.
pub(super) fn add_discussion_comment(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let asked = json!({"owner": arguments["owner"], "repo": arguments["repo"], "number": arguments["discussion_number"]});
    let discussion = &session.graphql(GRAPHQL, DISCUSSION, &asked)?["repository"]["discussion"];
    let comment = json!({"discussion": id(discussion)?, "body": arguments["body"], "reply_to": arguments.get("reply_to")});
    let added = &session.graphql(GRAPHQL, COMMENT, &comment)?["addDiscussionComment"]["comment"];
    Ok(json!({"id": added["id"], "url": added["url"]}))
}

fn category<'a>(categories: &'a Value, wanted: &str) -> Result<&'a Value, Error> {
    if list(Some(categories)).next().is_none() {
        return Err(Error::invalid_params("This repository has no discussions.")
            .with_hint("They are switched on in the repository's settings; create_issue opens an issue instead."));
    }
    named(categories, "name", wanted).or_else(|| named(categories, "slug", wanted)).ok_or_else(
        || {
            Error::invalid_params(format!("There is no category `{wanted}`."))
                .with_hint(format!("There are {}.", names(categories, "name")))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_found_by_name_or_slug() {
        let categories = json!([{"id": "1", "name": "Q&A", "slug": "q-a"}, {"id": "2", "name": "Ideas", "slug": "ideas"}]);
        for wanted in ["Q&A", "q&a", "q-a"] {
            assert_eq!(category(&categories, wanted).expect("it is there")["id"], "1", "{wanted}");
        }
        let unknown = category(&categories, "News").expect_err("there is none");
        assert!(unknown.hint().is_some_and(|hint| hint.contains("`Q&A`, `Ideas`")), "{unknown}");
        let off = category(&json!([]), "Ideas").expect_err("there are none");
        assert!(off.message().contains("no discussions"), "{off}");
    }
}
